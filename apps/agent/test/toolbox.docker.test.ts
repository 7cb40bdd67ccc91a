import type { agent, CallInput, TargetContainer } from '@gpulab/contract'
import { ensureImages } from '@gpulab/images'
import { spawn } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { attachSession, type AttachedSession } from './attach-session.ts'
import { startTestHost, type TestHost } from './test-host.ts'

type Body = Partial<CallInput<typeof agent.sessions.create>['body']>
const guest = '/.gpulab/gpulab-guest'
const busybox = '/.gpulab/busybox'
const kinds = ['Debian', 'busybox', 'an image of another user', 'an image with nothing in it'] as const

let host: TestHost
const containers = new Map<string, TargetContainer>()
const container = (kind: string): TargetContainer => containers.get(kind) as TargetContainer

beforeAll(async () => {
  host = await startTestHost()
  const images = await ensureImages({ dockerHost: host.engine.dockerHost, keys: ['debian'] })
  containers.set('Debian', await host.deploy({ image: images.debian.reference }))
  containers.set('busybox', await host.deploy())
  containers.set('an image of another user', await host.deploy({ image: await commit('USER 1000:1000') }))
  const nothing = { image: await importEmpty(), command: [busybox, 'sleep', '100000'] }
  containers.set('an image with nothing in it', await host.deploy(nothing))
})
afterAll(() => host[Symbol.asyncDispose]())

async function commit(changes: string): Promise<string> {
  const { engine, image } = host.engine
  const made = await engine.createContainer({ Image: image })
  try {
    await made.commit({ repo: 'gpulab.test/toolbox-user', tag: '1', changes })
  } finally {
    await made.remove()
  }
  return 'gpulab.test/toolbox-user:1'
}

/** As `FROM scratch`, with a folder that can be written to. */
async function importEmpty(): Promise<string> {
  const tar = spawn('tar', ['--create', '--transform=s,.*,tmp,', '--no-recursion', '--mode=1777', '/tmp'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await host.engine.engine.importImage(tar.stdout, { repo: 'gpulab.test/nothing', tag: '1' }).then(
    (stream) =>
      new Promise((resolve, reject) => {
        stream.on('error', reject).on('end', resolve).resume()
      }),
  )
  return 'gpulab.test/nothing:1'
}

async function run(kind: string, command: string[], input?: Uint8Array, body: Body = {}) {
  const client = await host.control.host()
  const session = await client.sessions.create({
    params: { uuid: container(kind).uuid },
    body: { id: randomUUID(), command, stdin: input !== undefined, workdir: '/', ...body },
  })
  const attached = await attachSession(
    client,
    { uuid: session.container_uuid, id: session.id },
    { acks: true },
  )
  // A program that has ended takes no more.
  if (input) await Promise.race([write(attached, input).catch(() => {}), attached.exit])
  const { exit_code: exitCode } = await attached.exit
  return { exitCode, stdout: attached.stdout(), stderr: attached.stderr(), output: attached.output() }
}

async function write(session: AttachedSession, input: Uint8Array): Promise<void> {
  for (let at = 0; at < input.length; at += 64 << 10) await session.write(input.subarray(at, at + (64 << 10)))
  await session.send({ type: 'eof' })
}

describe.each(kinds)('in %s', (kind) => {
  it('there are a shell, tar and the programs for files', async () => {
    const content = randomBytes(150_000)
    const sha256 = createHash('sha256').update(content).digest('hex')
    const written = await run(kind, [guest, 'write', 'follow', '/tmp/part', '0'], content)
    expect(written).toMatchObject({ exitCode: 0, stderr: '' })
    expect(written.stdout.split('\n')[1]).toBe(`150000 ${sha256}`)
    const commit = [guest, 'commit', 'follow', '/tmp/part', 'file', '640', '1000000000.000000000']
    expect(await run(kind, commit)).toMatchObject({ exitCode: 0, stderr: '' })
    const sent = await run(kind, [guest, 'send', 'follow', '/tmp/file', '0'])
    expect(sent.output.indexOf(content)).toBeGreaterThan(0)
    expect(sent.stdout).toMatch(/^file 640 150000 1000000000\.0+\n/)

    const archive = await run(kind, [busybox, 'tar', '-c', '-f', '-', '-C', '/tmp', '--', 'file'])
    const script = `${busybox} mkdir /tmp/staged && ${busybox} tar -x -o -p -f - -C /tmp/staged && ${guest} merge follow /tmp/staged && ${busybox} sha256sum /tmp/file`
    const unpacked = await run(kind, [busybox, 'sh', '-c', script], archive.output)
    expect(unpacked).toMatchObject({ exitCode: 0, stderr: '', stdout: `${sha256}  /tmp/file\n` })
  })

  it('they cannot be changed from within', async () => {
    const attempts = `echo x >${busybox}; ${busybox} rm -f ${guest}; ${busybox} touch /.gpulab/x`
    const look = `[ -x ${busybox} ] && [ -x ${guest} ] && [ ! -e /.gpulab/x ] && echo same`
    const { stdout, stderr } = await run(kind, [busybox, 'sh', '-c', `${attempts}; ${look}`])
    expect(stdout).toBe('same\n')
    expect(stderr).toMatch(/Read-only file system|Permission denied/)
  })
})

describe('what cannot be written is told by its errno', () => {
  it.each([
    ['of another user', 'an image of another user', '/etc/x', 'EACCES'],
    ['of the kernel', 'busybox', '/proc/sys/x', /^E(ACCES|NOENT|PERM|ROFS)$/],
    ['of ours', 'busybox', '/.gpulab/x', 'EROFS'],
  ])('where it is %s', async (_what, kind, path, errno) => {
    const { exitCode, stderr } = await run(kind, [guest, 'write', 'follow', path, '0'], Buffer.from('x'))
    expect([exitCode, stderr.trim()]).toEqual([
      1,
      typeof errno === 'string' ? errno : expect.stringMatching(errno),
    ])
  })

  it('where there is no space', async () => {
    const shm = '/dev/shm/big'
    const { exitCode, stderr } = await run(
      'busybox',
      [guest, 'write', 'follow', shm, '0'],
      Buffer.alloc(136 << 20),
    )
    expect([exitCode, stderr.trim()]).toEqual([1, 'ENOSPC'])
    expect(await run('busybox', [busybox, 'rm', shm])).toMatchObject({ exitCode: 0 })
  })
})
