import { GpulabError } from '@gpulab/contract'
import { createServer } from '@gpulab/http'
import { collectAsBytesPass } from '@gpulab/transport'
import { once } from 'node:events'
import { cleanUp } from './clean-up.ts'
import { createLog } from './log.ts'
import { ConfigError, readConfig, settingsHelp } from './config.ts'
import { connectEngine } from './docker/connect.ts'
import { testMachine } from './doctor/checks.ts'
import { runDoctor } from './doctor/doctor-command.ts'
import { runJoin } from './identity/join-command.ts'
import { obtainIdentity } from './identity/obtain-identity.ts'
import { createMetrics } from './metrics/metrics.ts'
import { isReplaced } from './target/refusal.ts'
import { showOrphans } from './orphans/show-orphans.ts'
import { startAgent } from './run-agent.ts'
import { showStatus } from './show-status.ts'
import { version } from './version.ts'

const help = `gpulab-agent ${version}: serves this GPU host to a GPULab control plane.

  gpulab-agent [flags]           run until SIGTERM; containers go on running
  gpulab-agent join --api URL [--token-file FILE] [--force] [flags]
                                 test this machine and make it a host; without --token-file
                                 the join token is read from standard input
  gpulab-agent doctor [--json] [flags]
                                 look for what is wrong with this machine; 1 if something is
  gpulab-agent status            say whether the agent runs on this machine; 1 if not
  gpulab-agent sweep --dry-run   show what the running agent would remove, as the control plane has forgotten it
  gpulab-agent cleanup [flags]   remove the firewall rules and unused networks of a stopped agent

Flags, or environment variables in their place:
${settingsHelp()}
`

/** What a supervisor may kill us after anyway. */
const stopMs = 20_000

async function main([command, ...rest]: string[]): Promise<number> {
  if (command === '--help' || command === 'help') {
    process.stdout.write(help)
    return 0
  }
  if (command === '--version') {
    process.stdout.write(`${version}\n`)
    return 0
  }
  if (command === 'status') return showStatus(rest, (text) => process.stdout.write(text))
  if (command === 'sweep') return showOrphans(rest, (text) => process.stdout.write(text))
  if (command === 'cleanup') return cleanUp(rest)
  if (command === 'join') return runJoin(rest)
  if (command === 'doctor') return runDoctor(rest)
  return run(command === undefined ? [] : [command, ...rest])
}

async function run(args: readonly string[]): Promise<number> {
  collectAsBytesPass()
  const config = readConfig(args, process.env)
  const metrics = createMetrics()
  const app = createServer({ logger: createLog(config), observer: metrics.requests })
  const stopping = new AbortController()
  const signalled = once(stopping.signal, 'abort')
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stopping.abort())
  const selfTest = () => testMachine({ config, engine: connectEngine(config.engineSocket) })
  const identity = await obtainIdentity(config, { log: app.log, selfTest }, stopping.signal).catch(
    (error: unknown) => {
      if (!stopping.signal.aborted) throw error
    },
  )
  if (!identity) return 0
  const agent = await startAgent(config, identity, app, metrics)
  try {
    await Promise.race([agent.ended, signalled])
    app.log.info('stopping; containers go on running')
    return 0
  } catch (error) {
    if (!isReplaced(error)) throw error
    app.log.fatal('another agent has taken over this host: stop one of the two')
    return 1
  } finally {
    setTimeout(() => process.exit(1), stopMs).unref()
    await agent.stop()
  }
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof ConfigError || error instanceof GpulabError)) throw error
  const { message, hint } = error as ConfigError & { hint?: string }
  process.stderr.write(`gpulab-agent: ${message}\n${hint === undefined ? '' : `${hint}\n`}`)
  return error instanceof GpulabError ? error.exitCode : 2
})
// Kept-alive connections to the control plane would hold the process for seconds.
process.exit()
