import { GpulabError } from '@gpulab/contract'
import { serveMonitoring } from '@gpulab/monitoring'
import { collectAsBytesPass } from '@gpulab/transport'
import { once } from 'node:events'
import { createApp } from './app.ts'
import { type Config, readConfig, settings } from './config.ts'
import { createDeps } from './create-deps.ts'
import { drain } from './drain.ts'
import { keepKnown } from './keep-known.ts'
import { listen } from './listen.ts'
import { version } from './version.ts'

const usage = `gpulab-gateway ${version}: where users' traffic enters GPULab

  gpulab-gateway                serve until SIGTERM
  gpulab-gateway --version | --help

Environment variables:
${settings.map(({ name, description }) => `  ${name.padEnd(28)}${description}`).join('\n')}`

async function serve(config: Config): Promise<void> {
  collectAsBytesPass()
  const deps = createDeps(config)
  const server = createApp(deps)
  const { metrics, readiness } = deps
  const stopMonitoring =
    config.monitorListen === undefined
      ? () => {}
      : await serveMonitoring(config.monitorListen, { registry: metrics.registry, readiness })
  await listen(server, config.listen)
  const stopping = new AbortController()
  const known = keepKnown(deps, stopping.signal)
  const signalled = once(stopping.signal, 'abort')
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stopping.abort())
  deps.log.info({ version, listen: config.listen, domain: config.proxyUrl.host }, 'ready')
  await signalled
  const hurry = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => hurry.abort())
  await drain(deps, server, hurry.signal)
  server.closeAllConnections()
  deps.uplinks.close()
  stopMonitoring()
  await known
}

try {
  const [command] = process.argv.slice(2)
  if (command === '--version') console.log(`gpulab-gateway ${version}`)
  else if (command === '--help') console.log(usage)
  else if (command === undefined || command === 'serve') await serve(readConfig(process.env))
  else
    throw new GpulabError('invalid_request', {
      message: `Unknown command "${command}".`,
      hint: 'See --help.',
    })
} catch (error) {
  const failure = error as Error
  console.error(`gpulab-gateway: ${failure.message}`)
  console.error(failure instanceof GpulabError ? (failure.hint ?? 'See docs/gateway.md.') : failure.stack)
  process.exitCode = failure instanceof GpulabError ? failure.exitCode : 1
}
process.exit()
