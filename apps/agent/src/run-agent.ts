import { type Hello, heartbeatSeconds } from '@gpulab/contract'
import { createUplinkServer, type Server } from '@gpulab/http'
import { cpus, totalmem } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { serveAgent } from './app.ts'
import { createBackoff } from './backoff.ts'
import { type Config, ConfigError } from './config.ts'
import { createDeps, type Deps } from './deps.ts'
import { readEngineVersion } from './docker/connect.ts'
import { EngineError } from './docker/errors.ts'
import { followEvents } from './docker/events.ts'
import { readInventory } from './gpus/inventory.ts'
import { listenOnSocket } from './listen.ts'
import { toPlainText } from './plain-text.ts'
import { pullTargets } from './target/pull.ts'
import { isReplaced } from './target/refusal.ts'
import type { Snapshot } from './target/report.ts'
import { keepUplink } from './uplink/keep-uplink.ts'
import { version } from './version.ts'

export interface RunningAgent {
  /** Rejects when the agent can not go on; resolves after `stop`. */
  readonly ended: Promise<void>
  /** Finishes the steps that are under way. Containers go on running. */
  stop(): Promise<void>
}

/** Looks that follow changes closer than this are one. */
const debounceMs = 10
const lookAgainMs = { up: heartbeatSeconds * 1000, down: 1000 }
const maintenanceMs = 60_000
const helloMs = 15_000

export async function startAgent(config: Config, app: Server): Promise<RunningAgent> {
  const deps = await createDeps(config, app.log)
  await requireFirewall(deps)
  serveAgent(app, deps)
  await listenOnSocket(app, config.agentSocket)
  const uplinks = createUplinkServer(app)
  const stopping = new AbortController()
  const { signal } = stopping
  const first = await look(deps, [], signal)
  const loops = [
    keepLooking(deps, first, signal),
    keepListening(deps, signal),
    announce(deps, signal).then((inventory) =>
      Promise.all([
        deps.reporter.run(signal),
        deps.deployLog.run(signal),
        keepKnown(deps, signal),
        pullTargets(deps, deps.reconciler.targetVersion, deps.reconciler.setTarget, signal),
        keepMaintaining(deps, inventory, signal),
        keepUplink({ url: config.apiUrl, insecure: config.insecure, server: uplinks, ...deps }, signal),
      ]),
    ),
  ]
  const ended = untilFailure(loops, signal)
  const stop = async (): Promise<void> => {
    stopping.abort()
    uplinks.close()
    await deps.reconciler.stop()
    await Promise.allSettled(loops)
    await app.close()
  }
  return { ended, stop }
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

/** Looks at each change and at each heartbeat, and offers what it saw for the next report. */
async function keepLooking(deps: Deps, first: Snapshot, signal: AbortSignal): Promise<void> {
  let snapshot = first
  for (;;) {
    deps.reporter.offer(snapshot)
    const lookedAt = performance.now()
    await deps.changed.wait(signal, snapshot.engine.available ? lookAgainMs.up : lookAgainMs.down)
    const restMs = lookedAt + debounceMs - performance.now()
    if (restMs > 0) await wait(restMs, undefined, { signal })
    snapshot = await look(deps, snapshot.containers, signal)
  }
}

async function look(deps: Deps, last: Snapshot['containers'], signal: AbortSignal): Promise<Snapshot> {
  const { health, reconciler, engine, log } = deps
  try {
    if (!health.state().available) health.up(await readEngineVersion(engine))
    const { targetVersion, containers } = await reconciler.look()
    return { target_version: targetVersion, engine: health.state(), containers }
  } catch (error) {
    signal.throwIfAborted()
    const wasUp = health.state().available
    const reason = error instanceof Error ? error.message : String(error)
    health.down(toPlainText(`The Docker Engine does not answer: ${reason}`))
    if (wasUp || !(error instanceof EngineError)) log.error({ err: error }, 'the engine does not answer')
    // Nothing is known now, so nothing of this may count as proof.
    const containers = last.map((container) => ({ ...container, busy: true }))
    return { target_version: -1, engine: health.state(), containers }
  }
}

/** The engine's events say when to look; what they say else is not relied on. */
async function keepListening(
  { engine, changed, firewall, log, reconciler }: Deps,
  signal: AbortSignal,
): Promise<void> {
  const backoff = createBackoff(100, 2000)
  for (;;) {
    try {
      const events = followEvents(engine, signal)
      changed.raise()
      // The end of a container's own task is looked at anyway; before that a look only slows the task down.
      for await (const uuid of events) if (!reconciler.isBusy(uuid)) changed.raise()
      signal.throwIfAborted()
      log.info('the stream of engine events has ended')
    } catch (error) {
      signal.throwIfAborted()
      log.debug({ err: error }, 'no engine events')
    }
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
    await announce(deps, signal)
  }
}

/** Says hello until it is heard; gives the inventory that it told. */
async function announce(deps: Deps, signal: AbortSignal): Promise<string> {
  const backoff = createBackoff()
  for (;;) {
    const hello = await createHello(deps)
    try {
      const { host_uuid } = await deps.control.report.hello({ body: hello }, { signal, timeoutMs: helloMs })
      deps.log.info(
        { host: host_uuid, gpus: hello.gpus.length, boot: deps.bootId },
        'the control plane knows us',
      )
      return JSON.stringify(hello.gpus)
    } catch (error) {
      if (signal.aborted || isReplaced(error)) throw error
      deps.log.warn({ err: error }, 'the control plane could not be greeted')
      await backoff.wait(signal)
    }
  }
}

async function createHello({ bootId, config, health, log }: Deps): Promise<Hello> {
  return {
    boot_id: bootId,
    agent_version: version,
    cpus: cpus().length,
    memory_bytes: totalmem(),
    gpus: await readInventory(config.nvidiaSmi, log),
    engine: health.state(),
  }
}

async function keepMaintaining(deps: Deps, announced: string, signal: AbortSignal): Promise<void> {
  const { log, networks, firewall, reconciler, config } = deps
  const warn = (what: string) => (err: unknown) => log.warn({ err }, what)
  let known = announced
  for (;;) {
    await wait(maintenanceMs, undefined, { signal })
    await firewall.ensure().catch(warn('the firewall could not be set'))
    await networks.collect(reconciler.isTeamWanted).catch(warn('unused networks could not be removed'))
    const gpus = JSON.stringify(await readInventory(config.nvidiaSmi, log))
    if (gpus !== known) known = await announce(deps, signal)
  }
}
