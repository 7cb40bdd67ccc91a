import type { Container, Volume } from '@gpulab/contract'
import { findCellObstacle } from '@gpulab/moosefs-cell'
import { eventually, type Finished, run } from '@gpulab/testing'
import { findLeftovers, toStateLayout } from '@gpulab/up'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const obstacle = await findCellObstacle()
if (obstacle !== undefined) process.stderr.write(`\n!!! up --moosefs IS NOT TESTED HERE: ${obstacle}\n\n`)
const bootstrap = fileURLToPath(new URL('../../infra/up/bootstrap.mjs', import.meta.url))
let folder: string
let exports: string

const up = async (): Promise<void> => {
  const args = ['up', '--detach', '--moosefs', '--state', folder, '--port', '0']
  const { stdout, stderr } = await run(process.execPath, [bootstrap, ...args])
  expect(stderr).toContain('GPULab runs.')
  expect(stderr).toMatch(/MooseFS +a cell; gpulab-\w+-2 shares its volumes/)
  exports = stdout
}
const down = (...args: string[]): Promise<Finished> =>
  run(process.execPath, [bootstrap, 'down', '--state', folder, ...args])
/** In a shell that has read what `up` printed. */
const sh = async (line: string): Promise<string> => {
  const { code, stdout, stderr } = await run('sh', ['-c', `${exports}\n${line}`])
  if (code !== 0) throw new Error(`${line}: ${stderr}`)
  return stdout
}
const json = async <T>(line: string): Promise<T> => JSON.parse(await sh(`${line} --json`)) as T
const deploy = (name: string): Promise<Container> =>
  json<Container>(`gpulab deploy --name ${name} --template ubuntu --memory 1 --volume common:/common --wait`)

describe.skipIf(obstacle !== undefined)('npm run up -- --moosefs', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gpulab-up-mfs-'))
    await chmod(folder, 0o711)
    await up()
  })
  afterAll(async () => {
    await down('--purge')
    await rm(folder, { recursive: true, force: true })
  })

  it('has a volume that containers of two hosts share', async () => {
    const made = await json<Volume>('gpulab volumes create --name common --size 256MiB --driver moosefs')
    expect(made).toMatchObject({ status: 'available', enforced: true, shared: true })
    const { hostName, second } = toStateLayout(folder)
    await sh(`gpulab hosts cordon ${second.hostName}`)
    const one = await deploy('one')
    await sh(`gpulab hosts uncordon ${second.hostName}; gpulab hosts cordon ${hostName}`)
    const two = await deploy('two')
    await sh(`gpulab hosts uncordon ${hostName}`)
    expect([one.host, two.host]).toEqual([hostName, second.hostName])
    await sh(`gpulab exec one -- sh -c 'echo from one > /common/a; sync /common/a'`)
    await sh(`gpulab exec two -- sh -c 'echo from two >> /common/a; sync /common/a'`)
    expect(await sh('gpulab exec one -- cat /common/a')).toBe('from one\nfrom two\n')
    // And one of this host alone, whose mount has to go as well.
    await json<Volume>('gpulab volumes create --name own --size 256MiB')
  })

  it.each(['was stopped', 'lost its supervisor'])(
    'has it all again after it %s, and leaves nothing',
    async (how) => {
      if (how === 'was stopped') {
        expect((await down()).code).toBe(0)
        await eventually(async () => expect(await findLeftovers(toStateLayout(folder))).toEqual([]))
      } else {
        const { supervisor } = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as {
          supervisor: { pid: number }
        }
        process.kill(supervisor.pid, 'SIGKILL')
      }
      await up()
      for (const name of ['one', 'two']) {
        // Those that "down" has stopped stay so.
        if ((await json<Container>(`gpulab inspect ${name}`)).status === 'stopped')
          await sh(`gpulab start ${name}`)
        await sh(`gpulab wait ${name} --for running --timeout 90s`)
        expect(await sh(`gpulab exec ${name} -- cat /common/a`)).toBe('from one\nfrom two\n')
      }
    },
  )

  it('is stopped after its supervisor was killed, too', async () => {
    const { supervisor } = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as {
      supervisor: { pid: number }
    }
    process.kill(supervisor.pid, 'SIGKILL')
    expect((await down()).code).toBe(0)
    // A process of a mount ends by itself once nothing is mounted.
    await eventually(async () => expect(await findLeftovers(toStateLayout(folder))).toEqual([]))
  })
})
