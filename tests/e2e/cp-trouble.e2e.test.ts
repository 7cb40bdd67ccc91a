import type { Container } from '@gpulab/contract'
import { eventually, readTree, run } from '@gpulab/testing'
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Box, makeFile, openBox, type Result } from './src/open-box.ts'
import { spawnCli } from './src/spawn-cli.ts'
import type { System } from './src/start-system.ts'

let box: Box
let system: System
/** Of one test alone, here and in the container. */
let work: string
let there: string

beforeAll(async () => {
  box = await openBox()
  system = box.system
})
afterAll(() => box?.[Symbol.asyncDispose]())
beforeEach(async () => {
  ;({ work, there } = await box.makeFolders())
})

const inBox = (...command: string[]): Promise<string> => box.run(...command)
const cp = (...args: string[]): Promise<Result> => box.cp(...args)
const tryCp = (...args: string[]) => box.tryCp(...args)

describe('trouble', () => {
  it('with a container that stops ends the copy', async () => {
    const small = await system.json<Container>('deploy', '--name', 'stops', ...plainOptions)
    await makeFile(join(work, 'medium'), 96 << 20)
    const { ended, stderr } = await box.startCopy([join(work, 'medium'), 'stops:/tmp/x'], async () => {
      const { stdout } = await system.gpulab([
        'exec',
        'stops',
        '--',
        'sh',
        '-c',
        'cat /tmp/.gpulab-part-* 2>/dev/null | wc -c',
      ])
      return Number(stdout.trim())
    })
    expect((await system.gpulab(['stop', small.uuid])).code).toBe(0)
    expect([await ended, stderr()]).toEqual([5, expect.stringMatching(/ended|not running/)])
    expect(await tryCp('stops:/etc/hostname', work)).toMatchObject({ code: 5 })
    await system.gpulab(['rm', 'stops', '--force'])
  })

  it('with space, on either side, is told and leaves nothing', async () => {
    const options = ['--name', 'tight', '--template', 'ubuntu', '--memory', '128MiB', '--wait']
    await system.json<Container>('deploy', ...options)
    await makeFile(join(work, 'big'), 70 << 20)
    const full = { code: 6, stderr: expect.stringContaining('no space is left') as string }
    expect(await tryCp(join(work, 'big'), 'tight:/dev/shm/x')).toMatchObject(full)
    await mkdir(join(work, 'tree'))
    await makeFile(join(work, 'tree/big'), 70 << 20)
    expect(await tryCp(join(work, 'tree'), 'tight:/dev/shm/x')).toMatchObject(full)
    const left = await system.gpulab(['exec', 'tight', '--', 'ls', '-A', '/dev/shm'])
    expect(left).toMatchObject({ code: 0, stdout: '' })
    await system.gpulab(['rm', 'tight', '--force'])

    const disk = join(work, 'disk')
    await mkdir(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk])
    try {
      await cp(join(work, 'tree'), `box:${there}/tree`)
      expect(await tryCp(`box:${there}/tree/big`, disk)).toMatchObject(full)
      expect(await tryCp(`box:${there}/tree`, disk)).toMatchObject(full)
      expect(await readdir(disk)).toEqual([])
    } finally {
      execFileSync('umount', [disk])
    }
  })

  it('with rights is told', async () => {
    const image = await makeUserImage()
    await system.json<Container>(
      'deploy',
      '--name',
      'plain',
      '--image',
      image,
      '--memory',
      '1',
      '--wait',
      '--command',
      'sleep 6000',
    )
    await writeFile(join(work, 'file'), 'content')
    const refused = { code: 4, stderr: expect.stringMatching(/denied|permitted|read-only/) as string }
    expect(await tryCp(join(work, 'file'), 'plain:/etc/file')).toMatchObject(refused)
    expect(await tryCp(work, 'plain:/etc/tree')).toMatchObject(refused)
    expect(await tryCp('plain:/root/.bashrc', work)).toMatchObject(refused)
    expect(await tryCp(join(work, 'file'), 'plain:/.gpulab/file')).toMatchObject(refused)
    await cp(join(work, 'file'), 'plain:/tmp/file')
    const owner = await system.gpulab(['exec', 'plain', '--', 'stat', '-c', '%u', '/tmp/file'])
    expect(owner.stdout).toBe('1000\n')
    await system.gpulab(['rm', 'plain', '--force'])
  })

  it('with links that lead out is told, and what to do about it', async () => {
    await inBox('sh', '-c', `mkdir ${there}/d; ln -s /etc ${there}/d/out; echo x >${there}/d/file`)
    const refused = await tryCp(`box:${there}/d`, join(work, 'd'))
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('--skip-unsafe') as string })
    expect(await readdir(work)).toEqual([])
    expect(await cp(`box:${there}/d`, join(work, 'd'), '--skip-unsafe')).toMatchObject({ files: 1 })
    expect(await readdir(join(work, 'd'))).toEqual(['file'])
  })

  it('with a reader of the archive that has seen enough ends the copy', async () => {
    const script = `"$0" cp box:/usr - | head -c 100000 | wc -c`
    const { stdout } = await run(
      'bash',
      ['-c', script, join(import.meta.dirname, '../../apps/cli/bin/gpulab')],
      {
        env: { GPULAB_API_URL: system.apiUrl, GPULAB_API_KEY: system.apiKey },
      },
    )
    expect(stdout.trim()).toBe('100000')
  })

  it('with a root that is read-only is told; what can be read or written still is', async () => {
    await system.json<Container>('deploy', '--name', 'fixed', ...plainOptions)
    await makeRootReadOnly('fixed')
    await writeFile(join(work, 'file'), 'content')
    await mkdir(join(work, 'tree'))
    await writeFile(join(work, 'tree/file'), 'content')
    const refused = { code: 4, stderr: expect.stringContaining('read-only') as string }
    expect(await tryCp(join(work, 'file'), 'fixed:/root/file')).toMatchObject(refused)
    expect(await tryCp(join(work, 'tree'), 'fixed:/root/tree')).toMatchObject(refused)
    expect(await cp(join(work, 'tree'), 'fixed:/dev/shm')).toMatchObject({ files: 1 })
    await cp('fixed:/dev/shm/tree', join(work, 'back'))
    expect(await readFile(join(work, 'back/file'), 'utf8')).toBe('content')
    await cp('fixed:/etc/passwd', join(work, 'passwd'))
    expect(await readFile(join(work, 'passwd'), 'utf8')).toContain('root:')
    await system.gpulab(['rm', 'fixed', '--force'])
  })

  it('with an image that has nothing in it there is none', async () => {
    await importEmpty()
    const options = ['--image', 'gpulab.test/empty:1', '--memory', '1', '--wait']
    await system.json<Container>('deploy', '--name', 'empty', ...options)
    await mkdir(join(work, 'tree/sub'), { recursive: true })
    await writeFile(join(work, 'tree/sub/file'), 'content')
    await cp(join(work, 'tree'), 'empty:/new')
    await cp(join(work, 'tree/sub/file'), 'empty:/new/other')
    await cp('empty:/new', join(work, 'back'))
    expect(readTree(join(work, 'back'), { times: false })).toEqual(
      expect.arrayContaining(readTree(join(work, 'tree'), { times: false })),
    )
    expect(await readFile(join(work, 'back/other'), 'utf8')).toBe('content')
    await system.gpulab(['rm', 'empty', '--force'])
  })
})

describe('a tenant that exchanges folders and links meanwhile', () => {
  /** What a copy may end with that found something other than it had seen before. */
  const codes = [0, 1, 3, 4, 5]
  const start = async (script: string) => {
    const racing = spawnCli(system, ['exec', 'box', '--', 'sh', '-c', `cd ${there}; ${script}`])
    await eventually(async () => expect(await box.list(there)).not.toEqual([]))
    return racing
  }

  it('brings nothing out of the folder that was asked for', async () => {
    await start(`mkdir -p t/x real; echo inner >t/x/file; echo $$ >t/still
      while :; do mv t/x real/x; ln -s /etc t/x; rm t/x; ln -s ../../.. t/x; rm t/x; mv real/x t/x; done`)
    await writeFile(join(work, 'canary'), 'canary')
    const ended: (number | null)[] = []
    // Some are to come through.
    for (let round = 0; round < 5 || (round < 50 && !ended.includes(0)); round++) {
      ended.push((await tryCp(`box:${there}/t`, join(work, `t${round}`), '--skip-unsafe')).code)
      ended.push((await tryCp(`box:${there}/t/.`, join(work, 'all'), '--skip-unsafe')).code)
      ended.push((await tryCp(`box:${there}/t/x/file`, join(work, 'file'))).code)
    }
    expect(codes).toEqual(expect.arrayContaining(ended))
    expect(ended).toContain(0)
    const seen = readTree(work, { times: false }).map((line) => line.split(' ')[0])
    const allowed = /^(canary|file|(t\d+|all)\/?(still|x\/?|x\/file)?)$/
    expect(seen.filter((path) => !allowed.test(path ?? ''))).toEqual([])
    expect(await readFile(join(work, 'canary'), 'utf8')).toBe('canary')
  })

  it('can take a copy to another place of its own container, and no further', async () => {
    await start('mkdir real; while :; do mv real d; mv d real; ln -s /var/tmp d; rm d; done')
    await mkdir(join(work, 'tree/sub'), { recursive: true })
    await writeFile(join(work, 'tree/sub/file'), 'content')
    const ended: (number | null)[] = []
    for (let round = 0; round < 4; round++) {
      ended.push((await tryCp(join(work, 'tree'), `box:${there}/d/${round}`)).code)
      ended.push((await tryCp(join(work, 'tree/sub/file'), `box:${there}/d/file${round}`)).code)
    }
    expect(codes).toEqual(expect.arrayContaining(ended))
    expect(readTree(work, { times: false }).length).toBe(3)
  })
})

const plainOptions = ['--template', 'ubuntu', '--memory', '1', '--wait'] as const

/** As an operator might; users cannot ask for it. */
async function makeRootReadOnly(name: string): Promise<void> {
  const { uuid } = await system.json<Container>('inspect', name)
  const own = (await system.listOwn()).find(({ Names }) => Names.some((each) => each.includes(uuid)))
  const { State } = await system.docker.getContainer(own?.Id ?? '').inspect()
  execFileSync('nsenter', ['-t', String(State.Pid), '-m', 'mount', '-o', 'remount,ro', '/'])
}

/** As `FROM scratch`, with a command that is ours, since it has none of its own. */
async function importEmpty(): Promise<void> {
  const tar = execFileSync('tar', ['-c', '--files-from', '/dev/null'])
  await followProgress(
    await system.docker.importImage(Readable.from([tar]), {
      repo: 'gpulab.test/empty',
      tag: '1',
      changes: 'CMD ["/.gpulab/busybox", "sleep", "100000"]',
    }),
  )
}

const followProgress = (stream: NodeJS.ReadableStream): Promise<unknown> =>
  new Promise((resolve, reject) => {
    system.docker.modem.followProgress(stream, (error, output) => (error ? reject(error) : resolve(output)))
  })

/** The template's image with another user. */
async function makeUserImage(): Promise<string> {
  const [own] = await system.listOwn()
  const container = await system.docker.createContainer({ Image: own?.Image ?? '' })
  try {
    await container.commit({ repo: 'gpulab.test/cp-user', tag: '1', changes: 'USER 1000:1000' })
  } finally {
    await container.remove()
  }
  return 'gpulab.test/cp-user:1'
}
