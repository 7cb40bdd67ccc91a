import type { Target } from '@gpulab/contract'
import { createUplinkServer, type Server } from '@gpulab/http'
import { serveAgent } from './app.ts'
import { createBackoff } from './backoff.ts'
import { type Config, ConfigError } from './config.ts'
import { createDeps, type Deps } from './deps.ts'
import { followEvents } from './docker/events.ts'
import { createHello, toInventoryText } from './hello/create-hello.ts'
import type { Identity } from './identity/identity-file.ts'
import { listenOnSocket } from './listen.ts'
import type { Metrics } from './metrics/metrics.ts'
import { serveMonitor } from './metrics/serve-monitor.ts'
import { keepLooking, look } from './target/keep-looking.ts'
import { pullTargets } from './target/pull.ts'
import { isReplaced } from './target/refusal.ts'
import { keepListed } from './uplink/keep-listed.ts'
import { keepUplink } from './uplink/keep-uplink.ts'
import { reportVolumes } from './volumes/report-volumes.ts'

export interface RunningAgent {
  /** Rejects when the agent can not go on; resolves after `stop`. */
  readonly ended: Promise<void>
  /** Finishes the steps that are under way. Containers go on running. */
  stop(): Promise<void>
}

const maintenanceMs = 60_000
const helloMs = 15_000

export async function startAgent(
  config: Config,
  identity: Identity,
  app: Server,
  metrics: Metrics,
): Promise<RunningAgent> {
  const deps = await createDeps(config, identity, { log: app.log, metrics })
  await requireFirewall(deps)
  serveAgent(app, deps)
  await listenOnSocket(app, config.agentSocket)
  const uplinks = createUplinkServer(app)
  const stopMonitoring = await serveMonitor(deps, uplinks)
  const stopping = new AbortController()
  const { signal } = stopping
  await deps.sessions.recover()
  await deps.guests.adopt().catch((err: unknown) => deps.log.warn({ err }, 'guests are not looked for yet'))
  await deps.volumes.recover()
  const first = await look(deps, [], signal)
  const loops = [
    keepLooking(deps, first, signal),
    keepListening(deps, signal),
    deps.sessions.run(signal),
    keepTidy(deps, signal),
    deps.volumes.run(signal),
    announce(deps, signal).then((inventory) =>
      Promise.all([
        deps.reporter.run(signal),
        deps.deployLog.run(signal),
        keepKnown(deps, signal),
        reportVolumes(deps, signal),
        pullTargets(deps, deps.reconciler.targetVersion, (target) => takeTarget(deps, target), signal),
        keepMaintaining(deps, inventory, signal),
        deps.orphans.run(signal),
        keepUplink(
          {
            ...deps,
            url: identity.apiUrl,
            insecure: config.insecure,
            server: uplinks,
            proof: deps.session.prove,
          },
          signal,
        ),
        keepListed(
          {
            ...deps,
            insecure: config.insecure,
            server: uplinks,
            apiUrl: identity.apiUrl,
            prove: deps.session.prove,
          },
          signal,
        ),
      ]),
    ),
  ]
  const ended = untilFailure(loops, signal)
  const stop = async (): Promise<void> => {
    stopping.abort()
    uplinks.close()
    await deps.reconciler.stop()
    await Promise.allSettled(loops)
    await deps.guests.close()
    deps.dialer.close()
    await deps.volumeWorkers.close()
    await app.close()
    stopMonitoring()
  }
  return { ended, stop }
}

/** Volumes first: containers that have some look for them. */
function takeTarget({ volumes, reconciler }: Deps, target: Target): void {
  volumes.setTarget(target.volumes)
  reconciler.setTarget(target)
}

/** Lets go of the guests of containers that are gone, and of their folders. */
async function keepTidy({ clock, guests, log }: Deps, signal: AbortSignal): Promise<void> {
  for (;;) {
    await clock.wait(maintenanceMs, signal)
    await guests.tidy().catch((err: unknown) => log.debug({ err }, 'guests could not be looked at'))
  }
}

/** The loops end with an abort when they are told to. */
async function untilFailure(loops: readonly Promise<unknown>[], signal: AbortSignal): Promise<void> {
  try {
    await Promise.all(loops)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

async function requireFirewall({ firewall }: Deps): Promise<void> {
  await firewall.ensure().catch((cause: Error) => {
    throw new ConfigError(
      `Tenants could reach this host, because its firewall can not be set: ${cause.message}. Run the agent as root with iptables installed, or set GPULAB_FIREWALL=off if something else keeps them apart.`,
      { cause },
    )
  })
}

/** The engine's events say when to look; what they say else is not relied on. */
async function keepListening(deps: Deps, signal: AbortSignal): Promise<void> {
  const { engine, changed, firewall, ghosts, log, reconciler } = deps
  const backoff = createBackoff(deps, 100, 2000)
  for (;;) {
    try {
      const events = followEvents(engine, signal)
      ghosts.suspect()
      changed.raise()
      // The end of a container's own task is looked at anyway; before that a look only slows the task down.
      for await (const uuid of events) if (!reconciler.isBusy(uuid)) changed.raise()
      signal.throwIfAborted()
      log.info('the stream of engine events has ended')
    } catch (error) {
      signal.throwIfAborted()
      log.debug({ err: error }, 'no engine events')
    }
    ghosts.suspect()
    changed.raise()
    await backoff.wait(signal)
    // An engine that starts puts rules of its own in front.
    await firewall.ensure().catch((err: unknown) => log.error({ err }, 'the firewall could not be set'))
  }
}

/**
 * Says hello again to a control plane that has lost its database and counts its targets anew: what was seen under
 * the old numbers would be proof of something else under the new ones.
 */
async function keepKnown(deps: Deps, signal: AbortSignal): Promise<void> {
  for (;;) {
    await deps.unknown.wait(signal)
    deps.reconciler.forgetTarget()
    deps.reporter.forget()
    deps.orphans.forget()
    await announce(deps, signal)
  }
}

/** Says hello until it is heard; gives the inventory that it told, or nothing if not all of it was taken. */
async function announce(deps: Deps, signal: AbortSignal): Promise<string> {
  const backoff = createBackoff(deps)
  for (;;) {
    const hello = await createHello(deps)
    try {
      const options = { signal, timeoutMs: helloMs }
      const { host_uuid, ignored_gpus: ignored } = await deps.control.report.hello({ body: hello }, options)
      deps.log.info(
        { host: host_uuid, gpus: hello.gpus.length, boot: deps.bootId },
        'the control plane knows us',
      )
      if (ignored.length === 0) return toInventoryText(hello)
      deps.log.warn({ gpus: ignored }, 'another host has these GPUs: stop its agent if they are here now')
      return ''
    } catch (error) {
      if (signal.aborted || isReplaced(error)) throw error
      deps.log.warn({ err: error }, 'the control plane could not be greeted')
      await backoff.wait(signal)
    }
  }
}

/** Says hello again when there is something else to offer, looked at now and then and after each pull. */
async function keepMaintaining(deps: Deps, announced: string, signal: AbortSignal): Promise<void> {
  const { log, firewall, inventory } = deps
  let known = announced
  for (;;) {
    await inventory.wait(signal, maintenanceMs)
    await firewall.ensure().catch((err: unknown) => log.warn({ err }, 'the firewall could not be set'))
    if (toInventoryText(await createHello(deps)) !== known) known = await announce(deps, signal)
  }
}
