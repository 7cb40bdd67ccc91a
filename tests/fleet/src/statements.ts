import type postgres from 'postgres'

const statementsMax = 30

/** What the server spends its time on, the most first. */
export async function describeStatements(sql: postgres.Sql): Promise<string> {
  const rows = await sql<{ total: number; calls: number; mean: number; rows: number; query: string }[]>`
    select total_exec_time as total, calls::int, mean_exec_time as mean, rows::int, query
    from pg_stat_statements order by total_exec_time desc limit ${statementsMax}`
  const lines = rows.map(({ total, calls, mean, rows: count, query }) =>
    [
      total.toFixed(0).padStart(9),
      String(calls).padStart(8),
      mean.toFixed(3).padStart(9),
      String(count).padStart(9),
      ` ${query.replaceAll(/\s+/g, ' ').slice(0, 150)}`,
    ].join(''),
  )
  return ['ms in all   calls  ms each     rows', ...lines].join('\n')
}
