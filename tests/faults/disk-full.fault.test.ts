import { eventually } from '@gpulab/testing'
import { GpulabError } from '@gpulab/contract'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findDisturbed, findFaults } from './src/checkers.ts'
import { createPatientClient } from './src/client.ts'
import { deploy, happeningRules, type Subject } from './src/operations.ts'
import { mountSmallDisk, type SmallDisk } from './src/small-disk.ts'
import { createSubjectPool, type SubjectPool } from './src/subject-pool.ts'
import { type FaultSystem, startFaultSystem } from './src/system.ts'

const settled = (system: FaultSystem): Promise<void> =>
  eventually(async () => expect(findFaults(await system.observe())).toEqual([]), {
    timeoutMs: 60_000,
    intervalMs: 100,
  })

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

describe("a full disk of the engine's", () => {
  let disk: SmallDisk
  let system: FaultSystem
  let pool: SubjectPool

  beforeAll(async () => {
    disk = await openDisk('engine', 400)
    system = await startFaultSystem({ engineDir: disk.path, gpus: 4 })
    pool = createSubjectPool(system)
  })
  afterAll(async () => {
    await system?.[Symbol.asyncDispose]()
    await disk?.[Symbol.asyncDispose]()
  })

  const show = ({ uuid }: Subject) => system.client.containers.get({ params: { uuid } })

  it('fails what has to be made, says why, and spares what runs; once there is room, it can be made', async () => {
    await pool.take(['running'])
    const { engine: before } = await system.observe()
    await disk.fill()
    const subject = { name: 'no-room', uuid: await deploy(system, 'no-room') }
    const failed = await eventually(
      async () => {
        const container = await show(subject)
        expect(container.status).toBe('failed')
        return container
      },
      { timeoutMs: 30_000 },
    )
    expect(failed.status_reason?.message).toMatch(/no space left on device/i)
    expect(failed.next_step).not.toBeNull()
    expect(findDisturbed(before, (await system.observe()).engine)).toEqual([])

    await disk.free()
    await happeningRules.redeploy.ask(system, subject)
    await pool.untilAt(subject, 'running')
    await settled(system)
  })

  it('loses no file of a container that was to move to another card', async () => {
    const [subject] = await pool.take(['running'])
    if (!subject) throw new Error('There is no subject.')
    const write = await system.gpulab('exec', subject.name, '--', 'sh', '-c', 'echo precious > /kept')
    expect(write).toMatchObject({ code: 0 })
    await pool.displace(subject)
    const { engine } = await system.observe()
    const old = engine.find(({ uuid }) => uuid === subject.uuid)
    await disk.fill()
    await happeningRules['start-elsewhere'].ask(system, subject)
    const failed = await eventually(
      async () => {
        const container = await show(subject)
        expect(container.status).toBe('failed')
        return container
      },
      { timeoutMs: 30_000 },
    )
    expect(failed.status_reason?.code).toBe('commit_failed')
    expect((await system.observe()).engine.some(({ id }) => id === old?.id)).toBe(true)

    await disk.free()
    await happeningRules.start.ask(system, subject)
    await pool.untilAt(subject, 'running')
    const read = await system.gpulab('exec', subject.name, '--', 'cat', '/kept')
    expect(read).toMatchObject({ code: 0, stdout: 'precious\n' })
    await settled(system)
  })
})

describe("a full disk of the database's", () => {
  let disk: SmallDisk
  let system: FaultSystem

  beforeAll(async () => {
    disk = await openDisk('postgres', 160)
    system = await startFaultSystem({ postgresDir: join(disk.path, 'postgres'), gpus: 4 })
  })
  afterAll(async () => {
    await system?.[Symbol.asyncDispose]()
    await disk?.[Symbol.asyncDispose]()
  })

  it('refuses what is to be written as something that passes; once there is room, all goes on', async () => {
    const pool = createSubjectPool(system)
    await pool.take(['running'])
    const impatient = createPatientClient({ url: system.apiUrl, apiKey: system.apiKey, patienceMs: 0 })
    await disk.fill()
    const refusal = await writeUntilRefused(system, impatient)
    expect(refusal).toMatchObject({ code: 'database_unavailable', retryable: true })

    await disk.free()
    // A server that could not even recover has ended; whoever supervises it starts it again.
    await system.parts.postgres.kill()
    await system.parts.postgres.start()
    const [stopped] = await pool.take(['stopped'])
    expect(stopped).toBeDefined()
    for (const { uuid, status } of (await system.client.containers.list({ query: { limit: 200 } })).items)
      if (status === 'queued') await system.client.containers.remove({ params: { uuid } })
    await settled(system)
  })
})

const requestsMax = 500

/** Puts containers in line, each with a large environment, until the database has no more room. */
async function writeUntilRefused(
  { image, rareGpuTypes }: FaultSystem,
  client: ReturnType<typeof createPatientClient>,
): Promise<GpulabError> {
  const [gpuType = ''] = rareGpuTypes
  for (let n = 0; n < requestsMax; n++) {
    const env = { NOISE: randomBytes(60_000).toString('hex') }
    const body = { name: `ballast-${n}`, image, gpu_type: gpuType, gpu_count: 2, queue: true, env }
    const refusal = await client.containers.create({ body }).then(
      () => undefined,
      (error: unknown) => error as GpulabError,
    )
    if (refusal) return refusal
  }
  throw new Error(`The database took ${requestsMax} requests.`)
}
