import type postgres from 'postgres'

/**
 * A statement is prepared once for each connection and kept, so its text must be one of few. Lists in statements make
 * many texts; longer ones than this are left alone.
 */
const parametersMax = 64

type Client = postgres.Sql | postgres.TransactionSql

/**
 * Has all statements that drizzle sends prepared. By itself it asks for none to be: each is then parsed and planned anew
 * each time, with a round trip of its own to learn the types of its parameters before the one that carries them.
 */
export const prepareStatements = (client: postgres.Sql): postgres.Sql => wrap(client)

function wrap<C extends Client>(client: C): C {
  const unsafe: Client['unsafe'] = (text, parameters) =>
    client.unsafe(text, parameters, { prepare: (parameters?.length ?? 0) <= parametersMax })
  const within =
    (open: (run: (inner: postgres.TransactionSql) => unknown) => Promise<unknown>) =>
    (run: (inner: postgres.TransactionSql) => unknown): Promise<unknown> =>
      open((inner) => run(wrap(inner)))
  return new Proxy(client, {
    get: (target, key) => {
      if (key === 'unsafe') return unsafe
      if (key === 'begin' && 'begin' in target) return within((run) => target.begin(run))
      if (key === 'savepoint' && 'savepoint' in target) return within((run) => target.savepoint(run))
      return Reflect.get(target, key) as unknown
    },
  })
}
