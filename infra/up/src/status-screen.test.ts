import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { quote, renderExports, renderStatus } from './status-screen.ts'
import type { SystemInfo } from './system-info.ts'

const info: SystemInfo = {
  stateDir: '/srv/lab',
  apiUrl: 'http://127.0.0.1:7070',
  proxyUrl: 'http://proxy.localhost:7080',
  dockerHost: 'unix:///srv/lab/engine/run/docker.sock',
  engine: 'own',
  host: 'gpulab-1a2b3c4d',
  gpus: [{ name: 'NVIDIA H100', count: 2, simulated: true }],
  standIns: { 'ubuntu:22.04': 'gpulab.invalid/standin/ubuntu:22.04' },
  email: 'admin@localhost',
  cliConfig: '/srv/lab/cli/config.json',
}

describe('the status screen', () => {
  it('says where everything is, and what is not the real thing', () => {
    const screen = renderStatus(info, { title: 'It runs.', enter: '' })
    expect(screen).toContain('2x NVIDIA H100 (simulated)')
    expect(screen).toContain('stand-ins for ubuntu:22.04')
    expect(screen).toContain(info.apiUrl)
  })

  it('ends with three commands', () => {
    for (const enter of ['', 'eval "$(npm run -s up -- --detach)"']) {
      const [, commands = ''] = renderStatus(info, { title: 'It runs.', enter }).split(/Try next.*:\n\n/)
      expect(commands.trim().split('\n')).toHaveLength(3)
    }
  })
})

describe('the export lines', () => {
  it('set what the CLI needs in a shell', () => {
    const lines = renderExports({ ...info, stateDir: "/srv/it's" }, 'gpulab_key', '/srv/the lab/bin')
    const script = `PATH=/bin\n${lines}\nprintf '%s\\n' "$GPULAB_API_URL" "$GPULAB_API_KEY" "$DOCKER_HOST" "$PATH"`
    const shown = execFileSync('sh', ['-c', script], { encoding: 'utf8' })
    expect(shown.split('\n')).toEqual([
      info.apiUrl,
      'gpulab_key',
      info.dockerHost,
      '/srv/the lab/bin:/bin',
      '',
    ])
  })

  it.each(['plain', "it's", '$HOME `id`', 'two words'])('quote %j so that a shell gives it back', (text) => {
    expect(execFileSync('sh', ['-c', `printf %s ${quote(text)}`], { encoding: 'utf8' })).toBe(text)
  })
})
