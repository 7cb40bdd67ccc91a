import { builtReference, callEngineJson, ensureImages, type ImageKey } from '@gpulab/images'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runContainer, startContainer, startTestEngine } from './test-engine.ts'
import { waitUntil } from './wait-until.ts'

let engine: Awaited<ReturnType<typeof startTestEngine>>

beforeAll(async () => {
  engine = await startTestEngine('')
})
afterAll(() => engine[Symbol.asyncDispose]())

const ensure = <K extends ImageKey>(keys: readonly K[], log: (line: string) => void = () => undefined) =>
  ensureImages({ dockerHost: engine.dockerHost, keys, offline: true, log })

describe('images of an engine that has none', () => {
  test('are stand-ins under a name of their own that say what they stand in for', async () => {
    const { pytorch } = await ensure(['pytorch'])
    expect(pytorch).toEqual({ reference: builtReference('pytorch'), standIn: true })
    const path = `/images/${encodeURIComponent(pytorch.reference)}/json`
    const { Config } = await callEngineJson<{ Config: { Labels: Record<string, string> } }>(
      engine.dockerHost,
      path,
    )
    expect(Config.Labels).toMatchObject({
      'ai.gpulab.stand-in': 'true',
      'ai.gpulab.stand-in-for': 'pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime',
    })
  })

  test('run', async () => {
    const { debian, busybox } = await ensure(['debian', 'busybox'])
    const run = (image: string, script: string) =>
      runContainer(engine.dockerHost, { image, command: ['sh', '-c', script] })
    expect(await run(debian.reference, '. /etc/os-release; echo "$ID"; sort --version >/dev/null')).toEqual({
      exitCode: 0,
      output: expect.stringMatching(/debian|ubuntu/),
    })
    expect(await run(busybox.reference, 'echo a b | awk "{print \\$2}"')).toEqual({
      exitCode: 0,
      output: 'b\n',
    })
  })

  test('are not made a second time', async () => {
    await ensure(['busybox', 'pytorch'])
    const lines: string[] = []
    await ensure(['busybox', 'pytorch'], (line) => lines.push(line))
    expect(lines).toEqual([])
  })

  test('come from the cache on another engine', async () => {
    await ensure(['debian'])
    await using other = await startTestEngine('')
    const lines: string[] = []
    const log = (line: string) => lines.push(line)
    const { debian } = await ensureImages({
      dockerHost: other.dockerHost,
      keys: ['debian'],
      offline: true,
      log,
    })
    expect(lines).toEqual([])
    const { exitCode } = await runContainer(other.dockerHost, { image: debian.reference, command: ['true'] })
    expect(exitCode).toBe(0)
  })

  test('the node stand-in runs Node.js', async () => {
    const { node } = await ensure(['node'])
    const { output } = await runContainer(engine.dockerHost, {
      image: node.reference,
      command: ['node', '-v'],
    })
    expect(output).toBe(`${process.version}\n`)
  })

  test('the postgres stand-in honours POSTGRES_* and survives orphans', async () => {
    const { postgres } = await ensure(['postgres'])
    const id = await startContainer(engine.dockerHost, {
      image: postgres.reference,
      command: ['-c', 'fsync=off'],
      env: ['POSTGRES_USER=u', 'POSTGRES_PASSWORD=p', 'POSTGRES_DB=d'],
    })
    const ready = await waitUntil(
      async () => (await exec(id, ['pg_isready', '-h', '127.0.0.1', '-U', 'u'])) === 0,
      {
        timeoutMs: 60_000,
        intervalMs: 200,
      },
    )
    expect(ready).toBe(true)
    const query =
      'PGPASSWORD=p psql -h 127.0.0.1 -U u d -tAc "select 1 where current_database() = \'d\'" | grep -qx 1'
    expect(await exec(id, ['sh', '-c', '(sleep 0.1; exit 3) & exit 0'])).toBe(0)
    expect(await exec(id, ['sh', '-c', `sleep 0.3; ${query}`])).toBe(0)
  })
})

async function exec(id: string, command: string[]): Promise<number | null> {
  const engineCall = <T>(path: string, json?: unknown) =>
    callEngineJson<T>(engine.dockerHost, path, json === undefined ? {} : { method: 'POST', json })
  const { Id } = await engineCall<{ Id: string }>(`/containers/${id}/exec`, { Cmd: command })
  await engineCall(`/exec/${Id}/start`, { Detach: true })
  let state = { Running: true, ExitCode: null as number | null }
  await waitUntil(async () => !(state = await engineCall(`/exec/${Id}/json`)).Running, { timeoutMs: 20_000 })
  return state.ExitCode
}
