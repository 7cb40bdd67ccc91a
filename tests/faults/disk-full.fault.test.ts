import { eventually, run } from '@gpulab/testing'
import { GpulabError } from '@gpulab/contract'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findDisturbed } from './src/checkers.ts'
import { createPatientClient } from './src/client.ts'
import { deploy, happeningRules, type Subject } from './src/operations.ts'
import { agentProgram } from './src/programs.ts'
import { mountSmallDisk, type SmallDisk } from './src/small-disk.ts'
import { createSubjectPool, type SubjectPool } from './src/subject-pool.ts'
import { type FaultSystem, startFaultSystem } from './src/system.ts'
import { untilWell } from './src/until-well.ts'

async function openDisk(name: string, megabytes: number): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), `gpulab-disk-${name}-`))
  const disk = await mountSmallDisk(folder, megabytes)
  return {
    ...disk,
    [Symbol.asyncDispose]: async () => {
      await disk[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

let disks: Readonly<Record<'engine' | 'agent' | 'postgres', SmallDisk>>
let system: FaultSystem
let pool: SubjectPool

beforeAll(async () => {
  disks = {
    engine: await openDisk('engine', 400),
    agent: await openDisk('agent', 1),
    postgres: await openDisk('postgres', 160),
  }
  system = await startFaultSystem({
    engineDir: disks.engine.path,
    agentDir: join(disks.agent.path, 'agent'),
    postgresDir: join(disks.postgres.path, 'postgres'),
  })
  pool = createSubjectPool(system)
})
afterAll(async () => {
  await system?.[Symbol.asyncDispose]()
  for (const disk of Object.values(disks ?? {})) await disk[Symbol.asyncDispose]()
})

describe("a full disk of the engine's", () => {
  const untilFailed = ({ uuid }: Subject) =>
    eventually(
      async () => {
        const container = await system.client.containers.get({ params: { uuid } })
        expect(container.status).toBe('failed')
        return container
      },
      { timeoutMs: 30_000 },
    )

  it('fails what has to be made, says why, and spares what runs; once there is room, it can be made', async () => {
    await pool.take(['running'])
    const { engine: before } = await system.observe()
    await disks.engine.fill()
    const subject = { name: 'no-room', uuid: await deploy(system, 'no-room') }
    const failed = await untilFailed(subject)
    expect(failed.status_reason?.message).toMatch(/no space left on device/i)
    expect(failed.next_step).not.toBeNull()
    expect(findDisturbed(before, (await system.observe()).engine)).toEqual([])

    await disks.engine.free()
    await happeningRules.redeploy.ask(system, subject)
    await pool.untilAt(subject, 'running')
    await untilWell(system)
  })

  it('loses no file of a container that was to move to another card', async () => {
    const [subject] = await pool.take(['running'])
    if (!subject) throw new Error('There is no subject.')
    const write = await system.gpulab('exec', subject.name, '--', 'sh', '-c', 'echo precious > /kept')
    expect(write).toMatchObject({ code: 0 })
    await pool.displace(subject)
    const { engine } = await system.observe()
    const old = engine.find(({ uuid }) => uuid === subject.uuid)
    await disks.engine.fill()
    await happeningRules['start-elsewhere'].ask(system, subject)
    const failed = await untilFailed(subject)
    expect(failed.status_reason?.code).toBe('commit_failed')
    expect((await system.observe()).engine.some(({ id }) => id === old?.id)).toBe(true)

    await disks.engine.free()
    await happeningRules.start.ask(system, subject)
    await pool.untilAt(subject, 'running')
    const read = await system.gpulab('exec', subject.name, '--', 'cat', '/kept')
    expect(read).toMatchObject({ code: 0, stdout: 'precious\n' })
    await untilWell(system)
  })
})

describe("a full disk of the agent's", () => {
  it('keeps no host that has joined from its work, nor from starting anew', async () => {
    await disks.agent.fill()
    await pool.take(['running'])
    await system.parts.agent.kill()
    await system.parts.agent.start()
    await pool.take(['stopped'])
    await untilWell(system)
    await disks.agent.free()
  })

  it('is told to whoever joins, and spoils neither token nor key', async () => {
    const { token } = await system.client.hosts.invite({ body: {} })
    const stateDir = join(disks.agent.path, 'other')
    const env = {
      DOCKER_HOST: system.dockerHost,
      GPULAB_NVIDIA_SMI: system.nvidiaSmi,
      GPULAB_HOST_NAME: 'host-two',
      GPULAB_STATE_DIR: stateDir,
    }
    const joinIt = () =>
      run(process.execPath, [agentProgram, 'join', '--force', '--api', system.apiUrl], { env, input: token })
    await mkdir(stateDir)
    await disks.agent.fill()
    const refused = await joinIt()
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toMatch(/no space|disk is full/i)
    expect(refused.stderr).not.toMatch(/^ +at /m)
    await disks.agent.free()
    expect(await joinIt()).toMatchObject({ code: 0 })
  })
})

describe("a full disk of the database's", () => {
  it('refuses what is to be written as something that passes; once there is room, all goes on', async () => {
    await pool.take(['running'])
    const impatient = createPatientClient({ url: system.apiUrl, apiKey: system.apiKey, patienceMs: 0 })
    const refusal = await writeUntilRefused(system, impatient, () => disks.postgres.fill())
    expect(refusal).toMatchObject({ code: 'database_unavailable', retryable: true })

    await disks.postgres.free()
    // A server that had no room to recover has ended, and whoever supervises it starts it again; nothing else is.
    await system.parts.postgres.start()
    const [stopped] = await pool.take(['stopped'])
    expect(stopped).toBeDefined()
    for (const { uuid, status } of (await system.client.containers.list({ query: { limit: 200 } })).items)
      if (status === 'queued') await system.client.containers.remove({ params: { uuid } })
    await untilWell(system)
  })
})

const requestsMax = 500

/** Puts containers in line, each with a large environment, until the database has no more room. */
async function writeUntilRefused(
  { image, rareGpuTypes }: FaultSystem,
  client: ReturnType<typeof createPatientClient>,
  fill: () => Promise<void>,
): Promise<GpulabError> {
  const [gpuType = ''] = rareGpuTypes
  await client.containers.create({
    body: { name: 'holder', image, gpu_type: gpuType, command: ['sleep', '1000'] },
  })
  await fill()
  for (let n = 0; n < requestsMax; n++) {
    const env = { NOISE: randomBytes(60_000).toString('hex') }
    const body = { name: `ballast-${n}`, image, gpu_type: gpuType, queue: true, env }
    const refusal = await client.containers.create({ body }).then(
      () => undefined,
      (error: unknown) => error as GpulabError,
    )
    if (refusal) return refusal
  }
  throw new Error(`The database took ${requestsMax} requests.`)
}
