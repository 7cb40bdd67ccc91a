import { eventually, run } from '@gpulab/testing'
import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Compose, prepareCompose } from './src/start-compose.ts'

const program = fileURLToPath(new URL('../../apps/cli/bin/gpulab', import.meta.url))

let team: Compose
let apiKey: string
beforeAll(async () => {
  team = await prepareCompose()
})
afterAll(async () => {
  await team?.compose('down', '--volumes', '--timeout', '5').catch(() => {})
  await team?.[Symbol.asyncDispose]()
})

const gpulab = async (...args: string[]): Promise<string> => {
  const env = {
    GPULAB_API_URL: team.apiUrl,
    GPULAB_API_KEY: apiKey,
    GPULAB_CONFIG: '/nonexistent/config.json',
  }
  const { code, stdout, stderr } = await run(program, args, { env })
  if (code !== 0) throw new Error(`gpulab ${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout
}

const get = (host: string): Promise<string> =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: team.proxyPort, headers: { host } }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.once('end', () => resolve(text))
    })
      .once('error', reject)
      .end()
  })

interface Row {
  readonly Service: string
  readonly Health: string
}
const listServices = async (): Promise<Row[]> =>
  (await team.compose('ps', '--format', 'json'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row)

it('docker compose up brings up PostgreSQL, API, gateway and a host with simulated GPUs, all of them well', async () => {
  await team.compose('up', '--detach', '--build', '--wait', '--wait-timeout', '300')
  expect((await listServices()).map(({ Service, Health }) => `${Service} ${Health}`).toSorted()).toEqual([
    'api healthy',
    'gateway healthy',
    'postgres healthy',
    'simulated-host healthy',
  ])
})

it('with the profile "gpu" the agent of the machine itself takes the place of the simulated host', async () => {
  const services = (await team.compose('--profile', 'gpu', 'config', '--services')).trim().split('\n')
  expect(services.toSorted()).toEqual(['agent', 'api', 'gateway', 'invite', 'postgres'])
})

it('API and gateway are not root, and nothing of the host is theirs', async () => {
  for (const service of ['api', 'gateway']) {
    const [container] = JSON.parse(
      await team.docker('inspect', (await team.compose('ps', '--quiet', service)).trim()),
    ) as { Config: { User: string }; HostConfig: { Privileged: boolean; Binds: string[] | null } }[]
    expect(container?.Config.User).toBe('node')
    expect(container?.HostConfig.Privileged).toBe(false)
    expect((await team.compose('exec', '-T', service, 'id', '-u')).trim()).toBe('1000')
  }
})

it('a user deploys into it, runs a command, and calls its port through the gateway', async () => {
  apiKey = (
    await team.compose('exec', '-T', 'api', 'gpulab-api', 'bootstrap', '--email', 'ann@example.com')
  ).trim()
  const host = (await team.compose('ps', '--quiet', 'simulated-host')).trim()
  // Where a registry is reachable the host's engine pulls it.
  await team.docker('exec', host, 'sh', '-c', 'mkdir -p /images')
  const file = `/tmp/gpulab-compose-image-${process.pid}.tar`
  await team.docker('save', '--output', file, team.image)
  await team.docker('cp', file, `${host}:/images/image.tar`)
  await run('rm', ['-f', file])
  await team.docker('exec', host, 'docker', 'load', '--input', '/images/image.tar')
  const command = 'mkdir /www && echo hello from compose >/www/index.html && httpd -f -p 8000 -h /www'
  const deploy = ['deploy', '--json', '--wait', '--name', 'web', '--gpu-type', 'RTX 4090', '--memory', '1']
  const { uuid } = JSON.parse(await gpulab(...deploy, '--image', team.image, '--command', command)) as {
    uuid: string
  }
  expect(await gpulab('exec', 'web', '--', 'nvidia-smi')).toContain('RTX 4090')
  await gpulab('ports', 'set', 'web', '8000:public')
  await eventually(
    async () => expect(await get(`${uuid}-8000.proxy.localhost`)).toBe('hello from compose\n'),
    { timeoutMs: 60_000 },
  )
})

it('API and gateway are replaced under the running container, which nobody notices', async () => {
  const before = JSON.parse(await gpulab('inspect', '--json', 'web')) as { started_at: string }
  await team.compose('up', '--detach', '--force-recreate', '--no-deps', '--wait', 'api', 'gateway')
  await eventually(
    async () => {
      expect(JSON.parse(await gpulab('inspect', '--json', 'web'))).toMatchObject({
        status: 'running',
        started_at: before.started_at,
      })
      expect(await gpulab('exec', 'web', '--', 'echo', 'still here')).toBe('still here\n')
    },
    { timeoutMs: 60_000 },
  )
})
