import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { toLauncher } from './launcher.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gpulab-launcher-'))
  mkdirSync(join(folder, 'etc/gpulab'), { recursive: true })
  writeFileSync(join(folder, 'gpulab-agent'), toLauncher('agent'), { mode: 0o755 })
  // In place of Node: tells what it is given.
  writeFileSync(join(folder, 'node'), '#!/bin/sh\nenv\necho "RUNS $*"\n', { mode: 0o755 })
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function launch(settings?: string): string[] {
  if (settings !== undefined) writeFileSync(join(folder, 'etc/gpulab/agent.env'), settings)
  const link = join(folder, 'current')
  symlinkSync(join(folder, 'gpulab-agent'), link)
  const env = { PATH: '/usr/bin:/bin', GPULAB_ROOT: folder, GIVEN: 'by hand' }
  return execFileSync(link, ['doctor', 'a b'], { env, encoding: 'utf8' }).split('\n')
}

it('starts the program with the settings of the service, but for what is set already', () => {
  const lines = launch(
    `# A=comment\nNODE_EXTRA_CA_CERTS=/etc/gpulab/ca.pem\nGIVEN=in the file\nURL="postgres://a:b=c@d/e?f"\nno name\n$(touch ${folder}/x)=1\nLAST='x y'`,
  )
  expect(lines).toContain(`RUNS ${folder}/agent/main.js doctor a b`)
  expect(lines).toContain('NODE_EXTRA_CA_CERTS=/etc/gpulab/ca.pem')
  expect(lines).toContain('URL=postgres://a:b=c@d/e?f')
  expect(lines).toContain('LAST=x y')
  expect(lines).toContain('GIVEN=by hand')
  expect(lines.some((line) => line.startsWith('A='))).toBe(false)
})

it('starts it without settings too', () => {
  expect(launch()).toContain(`RUNS ${folder}/agent/main.js doctor a b`)
})
