import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callEngineJson, runCommand, tryCommand } from '@gpulab/images'
import { describe, expect, onTestFinished, test } from 'vitest'
import { listContainerProcesses } from './control-groups.ts'
import { startEngine } from './engine.ts'
import { toEngineLayout } from './engine-layout.ts'
import { findEngineProcesses } from './engine-processes.ts'
import { readInventory } from './inventory.ts'
import { listMountPoints } from './mounts.ts'
import { endProcesses } from './processes.ts'
import { stopEngine } from './stop-engine.ts'
import { runContainer, startContainer, startTestEngine } from './test-engine.ts'
import { waitUntil } from './wait-until.ts'

const gpus = 'NVIDIA A100:40960'

interface ContainerState {
  State: { Running: boolean; Pid: number }
  NetworkSettings: {
    Ports: Record<string, { HostPort: string }[] | null>
    Networks: Record<string, { IPAddress: string }>
  }
}

const inspect = (dockerHost: string, id: string) =>
  callEngineJson<ContainerState>(dockerHost, `/containers/${id}/json`)

async function leftovers(stateDir: string) {
  const layout = toEngineLayout(stateDir, 'test')
  const { dockerd, containerd, shims } = await findEngineProcesses(layout)
  const links = await runCommand('ip', ['-o', 'link'])
  const rules = await tryCommand('iptables-save', [])
  return {
    processes: [dockerd, containerd, ...shims.values()].filter(Boolean),
    containers: (await listContainerProcesses(layout.cgroup)).size,
    mounts: (await listMountPoints()).filter((point) => point.startsWith(`${stateDir}/`)),
    bridge: links.includes(layout.bridge),
    rules: rules.stdout.includes(layout.chain),
  }
}

const nothing = { processes: [], containers: 0, mounts: [], bridge: false, rules: false }

describe('stop', () => {
  test('leaves no process, mount, bridge or firewall rule', async () => {
    const engine = await startTestEngine(gpus)
    onTestFinished(() => engine[Symbol.asyncDispose]())
    await callEngineJson(engine.dockerHost, '/networks/create', { method: 'POST', json: { Name: 'team' } })
    await startContainer(engine.dockerHost, {
      image: engine.busybox,
      command: ['sleep', '1000'],
      network: 'team',
    })
    await engine.stop({ graceSeconds: 0 })
    expect(await leftovers(engine.stateDir)).toEqual(nothing)
    expect(await runCommand('ip', ['-4', '-o', 'addr'])).not.toContain(engine.addressPool.split('.0.0')[0])
  })

  test('keeps containers for the next start', async () => {
    const engine = await startTestEngine(gpus)
    onTestFinished(() => engine[Symbol.asyncDispose]())
    await startContainer(engine.dockerHost, {
      image: engine.busybox,
      command: ['sleep', '1000'],
      name: 'kept',
    })
    await engine.stop({ graceSeconds: 0 })
    const again = await startEngine({ stateDir: engine.stateDir, name: 'test', gpus })
    expect((await inspect(again.dockerHost, 'kept')).State.Running).toBe(false)
    expect(again.addressPool).toBe(engine.addressPool)
  })

  test('does nothing where no engine ever was', async () => {
    await stopEngine('/nonexistent/gpulab')
  })
})

describe('start', () => {
  test('adopts the engine that runs', async () => {
    await using engine = await startTestEngine(gpus)
    const again = await startEngine({ stateDir: engine.stateDir, name: 'test', gpus })
    expect(again.pid).toBe(engine.pid)
  })

  test('keeps containers running over a killed dockerd', async () => {
    await using engine = await startTestEngine(gpus)
    const id = await startContainer(engine.dockerHost, { image: engine.busybox, command: ['sleep', '1000'] })
    const before = await inspect(engine.dockerHost, id)
    await endProcesses([engine.pid], 0)
    await startEngine({ stateDir: engine.stateDir, name: 'test', gpus })
    expect((await inspect(engine.dockerHost, id)).State).toMatchObject({
      Running: true,
      Pid: before.State.Pid,
    })
  })

  test('works again after everything was killed', async () => {
    await using engine = await startTestEngine(gpus)
    const id = await startContainer(engine.dockerHost, { image: engine.busybox, command: ['sleep', '1000'] })
    const orphan = (await inspect(engine.dockerHost, id)).State.Pid
    const { containerd, shims } = await findEngineProcesses(toEngineLayout(engine.stateDir, 'test'))
    await endProcesses([engine.pid, containerd ?? 0, ...shims.values()].filter(Boolean), 0)
    await startEngine({ stateDir: engine.stateDir, name: 'test', gpus })
    expect((await inspect(engine.dockerHost, id)).State.Running).toBe(false)
    expect(
      await waitUntil(async () => (await tryCommand('kill', ['-0', `${orphan}`])).exitCode !== 0, {
        timeoutMs: 20_000,
      }),
    ).toBe(true)
    await callEngineJson(engine.dockerHost, `/containers/${id}/start`, { method: 'POST' })
    expect((await inspect(engine.dockerHost, id)).State.Running).toBe(true)
  })

  test('gives way when its signal is aborted, and leaves nothing', async () => {
    await using engine = await startTestEngine(gpus)
    await engine.stop()
    const options = { stateDir: engine.stateDir, name: 'test', gpus, signal: AbortSignal.abort() }
    await expect(startEngine(options)).rejects.toThrow('aborted')
    expect(await leftovers(engine.stateDir)).toEqual(nothing)
  })

  test('says why dockerd ended, with the last lines of its log', async () => {
    await using engine = await startTestEngine(gpus)
    await engine.stop()
    await rm(join(engine.stateDir, 'data/image'), { recursive: true })
    await mkdir(join(engine.stateDir, 'data/image'))
    await rm(join(engine.stateDir, 'data/volumes'), { recursive: true })
    await runCommand('sh', ['-c', `: > ${join(engine.stateDir, 'data/volumes')}`])
    await expect(startEngine({ stateDir: engine.stateDir, name: 'test', gpus })).rejects.toThrow(
      /dockerd ended at its start[^]*volumes/,
    )
    expect(await leftovers(engine.stateDir)).toEqual(nothing)
  })

  test('says that the disk is full before it begins', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'gpulab-full-'))
    await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', stateDir])
    onTestFinished(async () => {
      await runCommand('umount', [stateDir])
      await rm(stateDir, { recursive: true })
    })
    await expect(startEngine({ stateDir, name: 'test', gpus })).rejects.toThrow(
      /^The disk of ".*" is full; free/,
    )
  })

  test('works in a state folder that is too long for a socket', async () => {
    await using engine = await startTestEngine(gpus)
    const stateDir = join(engine.stateDir, 'long-'.repeat(20))
    const other = await startEngine({ stateDir, name: 'test', gpus })
    onTestFinished(() => other.stop())
    expect(other.socketPath.length).toBeLessThan(108)
    expect((await callEngineJson<{ Containers: number }>(other.dockerHost, '/info')).Containers).toBe(0)
    await other.stop()
  })
})

describe('two engines side by side', () => {
  test('have their own cards, networks and published ports, and reach the outside', async () => {
    await using first = await startTestEngine(gpus)
    await callEngineJson(first.dockerHost, '/networks/create', { method: 'POST', json: { Name: 'one' } })
    const answer = `while true; do printf 'HTTP/1.0 200 OK\\r\\n\\r\\nhello' | nc -l -p 80; done`
    const id = await startContainer(first.dockerHost, {
      image: first.busybox,
      command: ['sh', '-c', answer],
      name: 'web',
      network: 'one',
      publish: 80,
    })
    await using second = await startTestEngine(gpus)
    expect(second.addressPool).not.toBe(first.addressPool)

    const run = (script: string, engine: typeof first, network: string) =>
      runContainer(engine.dockerHost, { image: engine.busybox, command: ['sh', '-c', script], network })
    const { NetworkSettings } = await inspect(first.dockerHost, id)
    const port = NetworkSettings.Ports['80/tcp']?.[0]?.HostPort
    const address = NetworkSettings.Networks.one?.IPAddress
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('hello')
    expect((await run('wget -q -O - http://web/', first, 'one')).output).toBe('hello')
    // Another network of the same engine, and one of the other engine's.
    const blocked = `wget -q -T 1 -O - http://${address}/`
    expect((await run(blocked, first, 'bridge')).exitCode).not.toBe(0)

    const gateway = /default via (\S+)/.exec(await runCommand('ip', ['route']))?.[1]
    if (gateway) expect((await run(`ping -c 1 -W 5 ${gateway}`, first, 'one')).exitCode).toBe(0)
    if (gateway) expect((await run(`ping -c 1 -W 5 ${gateway}`, second, 'bridge')).exitCode).toBe(0)
  })

  test('give their cards different uuids', async () => {
    await using first = await startTestEngine(gpus)
    await using second = await startTestEngine(gpus)
    const read = async (engine: typeof first) =>
      readInventory(await runCommand('cat', [join(engine.gpuDir, 'gpus.csv')]))
    expect((await read(first))[0]?.uuid).not.toBe((await read(second))[0]?.uuid)
  })
})
