import { type Config, ConfigError, readCommand } from '../config.ts'
import { connectEngine } from '../docker/connect.ts'
import { hasFailure, renderChecks } from '../doctor/render.ts'
import { testMachine } from '../doctor/checks.ts'
import { joinControlPlane } from './join.ts'
import { readIdentity } from './identity-file.ts'
import { readTokenFile, readTokenStream } from './read-token.ts'

const flags = { 'token-file': { type: 'string' }, force: { type: 'boolean' } } as const

/** Tests this machine and makes it a host. The token comes in a file or on standard input: arguments are public. */
export async function runJoin(args: readonly string[]): Promise<number> {
  const { config, flags: own } = readCommand(args.map(toSettingFlag), process.env, flags)
  const { apiUrl } = config
  if (apiUrl === undefined) throw new ConfigError('--api: give the URL of the control plane')
  const file = own['token-file']
  const token = typeof file === 'string' ? await readTokenFile(file) : await askForToken()
  if (!(await isWell(config)) && own['force'] !== true) {
    process.stderr.write('Nothing was joined: mend what has failed, or give --force.\n')
    return 1
  }
  const before = await readIdentity(config.stateDir)
  const identity = await joinControlPlane({ ...config, apiUrl, token }, AbortSignal.timeout(joinMs))
  process.stdout.write(`${identity.hostUuid}\n`)
  process.stderr.write(
    `This machine is host ${identity.hostName} of ${apiUrl}. ${
      before ? 'Restart the agent if it runs: it still is what it was before' : 'Start the agent'
    }: systemctl restart gpulab-agent\n`,
  )
  return 0
}

const joinMs = 60_000

const toSettingFlag = (argument: string): string => argument.replace(/^--api(?==|$)/, '--api-url')

async function askForToken(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Join token: ')
  return readTokenStream(process.stdin)
}

/** Shows what was found; false if something has failed. */
async function isWell(config: Config): Promise<boolean> {
  process.stderr.write('Testing this machine …\n')
  const engine = connectEngine(config.engineSocket)
  const checks = await testMachine({ config, engine })
  process.stderr.write(renderChecks(checks))
  return !hasFailure(checks)
}
