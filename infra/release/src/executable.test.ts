import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildOwnExecutable } from './build-executable.ts'

let folder: string
const run = (args: readonly string[], cwd = folder) =>
  promisify(execFile)(join(folder, 'gpulab'), args, { cwd, env: { HOME: folder } }).catch(
    (error: { code: number; stdout: string; stderr: string }) => error,
  )

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpulab-executable-'))
  await buildOwnExecutable(join(folder, 'gpulab'))
}, 120_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the executable', () => {
  it('says what it is, in both ways', async () => {
    const { stdout } = await run(['version'])
    expect(stdout).toMatch(/^gpulab v\d+\.\d+\.\d+ \(linux\/(amd64|arm64)\)\n$/)
    const framework = await promisify(execFile)(join(folder, 'gpulab'), ['version'], {
      env: { HOME: folder, GPULAB_FRAMEWORK: '1' },
    })
    expect(framework.stdout).toBe(stdout)
  })

  it('has its help and its errors', async () => {
    expect((await run(['deploy', '--help'])).stdout).toContain('--gpu-type')
    const wrong = await run(['ls', '--foo', '--json'])
    expect(wrong).toMatchObject({ code: 2, stdout: '' })
    expect(JSON.parse(wrong.stderr)).toMatchObject({ error: { code: 'invalid_request' } })
  })

  it('completes words for shells', async () => {
    const { stdout } = await promisify(execFile)(join(folder, 'gpulab'), ['--', 'depl'], {
      env: { HOME: folder, GPULAB_COMPLETE: '1' },
    })
    expect(stdout).toBe('deploy\n')
  })

  it('takes nothing from files of the folder that it is run in', async () => {
    const elsewhere = await mkdtemp(join(folder, 'cwd-'))
    await writeFile(
      join(elsewhere, '.env'),
      'GPULAB_API_KEY=gpulab_stolen_x\nGPULAB_API_URL=http://192.0.2.1\n',
    )
    await writeFile(join(elsewhere, 'bunfig.toml'), 'preload = ["./evil.js"]\n')
    await writeFile(join(elsewhere, 'evil.js'), 'console.log("evil")\n')
    for (const args of [['ls'], ['version'], ['auth', 'status']]) {
      const { stdout, stderr } = await run(args, elsewhere)
      expect(stdout + stderr).not.toMatch(/evil|192\.0\.2\.1|stolen/)
    }
  })
})
