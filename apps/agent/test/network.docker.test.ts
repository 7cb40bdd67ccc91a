import type { TargetContainer } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { execFileSync, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { program } from './test-agent.ts'
import { startTestHost, type TestHost } from './test-host.ts'

let host: TestHost
let one: TargetContainer
let mate: TargetContainer
let other: TargetContainer
const service = createServer((socket) => socket.end('reached'))
let port: number

beforeAll(async () => {
  host = await startTestHost()
  const team = randomUUID()
  one = await host.deploy({ team_uuid: team })
  const serving = ['sh', '-c', 'while :; do echo mate | nc -l -p 7000; done']
  mate = await host.deploy({ team_uuid: team, command: serving })
  other = await host.deploy({ command: serving })
  service.listen(0, '0.0.0.0')
  await once(service, 'listening')
  port = (service.address() as AddressInfo).port
})
afterAll(async () => {
  service.close()
  await host[Symbol.asyncDispose]()
})

const run = async (command: string) => {
  const client = await host.control.host()
  return client.exec({ body: { container_uuid: one.uuid, command, timeout: 20 } })
}
const addressOf = async ({ uuid, team_uuid: team }: TargetContainer) => {
  const [container] = await host.list(uuid)
  const { NetworkSettings } = await host.engine.engine.getContainer(container?.id ?? '').inspect()
  return NetworkSettings.Networks[`${host.agent.prefix}-${team}`]
}
const connect = (address: string, to: number) => run(`echo | nc -w 2 ${address} ${to}`)
const iptables = (...args: string[]) => execFileSync('iptables', ['-w', ...args], { encoding: 'utf8' })

describe('a tenant', () => {
  it('reaches the containers of its team, also by name', async () => {
    const { IPAddress = '' } = (await addressOf(mate)) ?? {}
    await eventually(async () => expect((await connect(IPAddress, 7000)).stdout).toBe('mate\n'))
    const [{ name } = { name: '' }] = await host.list(mate.uuid)
    await eventually(async () => expect((await connect(name, 7000)).stdout).toBe('mate\n'))
  })

  it('does not reach the containers of another team', async () => {
    const { IPAddress = '' } = (await addressOf(other)) ?? {}
    expect(IPAddress).not.toBe('')
    expect((await connect(IPAddress, 7000)).stdout).toBe('')
  })

  it('does not reach the host, by any of its addresses', async () => {
    const { Gateway = '' } = (await addressOf(one)) ?? {}
    const foreign = (await addressOf(other))?.Gateway ?? ''
    const own = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ family, internal }) => family === 'IPv4' && !internal)
      .map(({ address }) => address)
    const attempts = [Gateway, foreign, ...own.slice(0, 3)].map((address) => connect(address, port))
    expect((await Promise.all(attempts)).map(({ stdout }) => stdout).join('')).toBe('')
  })

  it('does not reach link-local addresses', async () => {
    const startedAt = Date.now()
    const refused = await run('nc -w 18 169.254.169.254 80')
    expect(refused.stderr).toMatch(/refused/)
    expect(Date.now() - startedAt).toBeLessThan(15_000)
  })
})

describe('the firewall', () => {
  it('is put back when somebody removes or outranks it', async () => {
    iptables(
      '-D',
      'INPUT',
      '-i',
      `${host.agent.prefix}-+`,
      '-m',
      'comment',
      '--comment',
      'gpulab-agent',
      '-j',
      `${host.agent.chain}-IN`,
    )
    iptables('-F', `${host.agent.chain}-FWD`)
    const open = ['-i', `${host.agent.prefix}-+`, '-j', 'ACCEPT']
    iptables('-I', 'FORWARD', '1', ...open)
    try {
      await host.agent.kill('SIGTERM')
      await host.agent.start()
      const { IPAddress = '' } = (await addressOf(other)) ?? {}
      const { Gateway = '' } = (await addressOf(one)) ?? {}
      expect((await connect(IPAddress, 7000)).stdout).toBe('')
      expect((await connect(Gateway, port)).stdout).toBe('')
      const jumps = iptables('-S')
        .split('\n')
        .filter((line) => line.includes(`-j ${host.agent.chain}-`))
      expect(jumps).toHaveLength(3)
    } finally {
      iptables('-D', 'FORWARD', ...open)
    }
  })

  it('and the networks are gone after a clean-up', async () => {
    host.control.want(...[one, mate, other].map((wanted) => ({ ...wanted, desired: 'absent' as const })))
    for (const { uuid } of [one, mate, other]) expect(await host.control.settled(uuid)).toBeUndefined()
    await host.agent.kill('SIGTERM')
    const { status, stderr } = spawnSync(process.execPath, [program, 'cleanup'], {
      env: host.agent.environment,
    })
    expect([status, String(stderr)]).toEqual([0, ''])
    expect(iptables('-S')).not.toContain(host.agent.chain)
    const networks = await host.engine.engine.listNetworks()
    expect(networks.filter(({ Name }) => Name.startsWith(`${host.agent.prefix}-`))).toEqual([])
    await host.agent.start()
  })
})

describe('a team', () => {
  it('gets a network of the configured pool that is free', async () => {
    const [base = ''] = (await host.engine.engine.listNetworks()).flatMap(
      ({ IPAM }) => IPAM?.Config?.[0]?.Subnet ?? [],
    )
    await host.agent.kill('SIGTERM')
    host.agent.environment['GPULAB_ADDRESS_POOL'] = base.replace(/\/\d+$/, '/23')
    await host.agent.start()
    const wanted = await host.deploy()
    const { IPAddress = '', IPPrefixLen } = (await addressOf(wanted)) ?? {}
    expect(IPPrefixLen).toBe(26)
    expect(IPAddress.split('.').slice(0, 2)).toEqual(base.split('.').slice(0, 2))
    host.control.want({ ...wanted, desired: 'absent' })
    await host.control.settled(wanted.uuid)
  })
})
