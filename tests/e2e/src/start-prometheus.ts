import { downloadPackage, findProgram } from '@gpulab/images'
import { eventually, findFreePort, run, startService } from '@gpulab/testing'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Prometheus extends AsyncDisposable {
  /** The values that a query gives now. */
  query(expression: string): Promise<number[]>
  /** What `promtool` says of a file; rejects where it is wrong. */
  check(kind: 'rules' | 'config', file: string): Promise<string>
}

/** The distribution's Prometheus, installed or unpacked, that scrapes these addresses each second. */
export async function startPrometheus(targets: Readonly<Record<string, string>>): Promise<Prometheus> {
  const stack = new AsyncDisposableStack()
  const dir = stack.adopt(await mkdtemp(join(tmpdir(), 'gpulab-prometheus-')), (path) =>
    rm(path, { recursive: true, force: true, maxRetries: 5 }),
  )
  const find = async (name: string): Promise<string> => {
    const installed = await findProgram(name)
    if (installed !== undefined) return installed
    const unpacked = join(dir, 'package/usr/bin', name)
    await access(unpacked).catch(() => downloadPackage('prometheus', join(dir, 'package')))
    return unpacked
  }
  const jobs = Object.entries(targets).map(([job, target]) => ({
    job_name: job,
    static_configs: [{ targets: [target] }],
  }))
  const config = join(dir, 'prometheus.json')
  // JSON is YAML.
  await writeFile(config, JSON.stringify({ global: { scrape_interval: '1s' }, scrape_configs: jobs }))
  const port = await findFreePort()
  const service = startService(
    await find('prometheus'),
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    {},
    join(dir, 'prometheus.log'),
  )
  stack.defer(() => service.stop())
  const url = `http://127.0.0.1:${port}`
  await eventually(
    async () => {
      if (!(await fetch(`${url}/-/ready`)).ok) throw new Error(service.log())
    },
    { timeoutMs: 60_000 },
  )
  return {
    query: async (expression) => {
      const response = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query: expression })}`)
      const body = (await response.json()) as {
        status: string
        error?: string
        data?: { result: { value: [number, string] }[] }
      }
      if (body.status !== 'success') throw new Error(`${expression}: ${body.error}`)
      return body.data?.result.map(({ value }) => Number(value[1])) ?? []
    },
    check: async (kind, file) => {
      const { code, stdout, stderr } = await run(await find('promtool'), ['check', kind, file])
      if (code !== 0) throw new Error(stdout + stderr)
      return stdout
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
