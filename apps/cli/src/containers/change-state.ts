import { type Container, GpulabError, type Status } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { escapeText } from '../output/escape.ts'
import { startProgress } from '../output/spinner.ts'
import { queueLabel, shortId, statusLabel } from './describe.ts'
import { tellDeployLog } from './deploy-log-tail.ts'
import { followStatus } from './follow-status.ts'
import { resolveContainerUuid } from './kind.ts'

export type Action = 'stop' | 'start' | 'restart' | 'redeploy'

export interface ChangeOptions {
  readonly wait: boolean
  readonly waitTimeoutMs: number
}

const goals: Readonly<Record<Action, Status>> = {
  stop: 'stopped',
  start: 'running',
  restart: 'running',
  redeploy: 'running',
}

export async function changeState(
  context: ApiContext,
  action: Action,
  reference: string,
  options: ChangeOptions,
): Promise<void> {
  const { api, output, signal } = context
  const uuid = await resolveContainerUuid(context, reference)
  const accepted = await api.containers[action]({ params: { uuid } }, { signal })
  printState(context, options.wait ? await waitForGoal(context, action, accepted, options) : accepted)
  if (!options.wait && accepted.status !== goals[action]) {
    output.note(`  Use 'gpulab inspect ${shortId(uuid)}' to see when it is ${goals[action]}`)
  }
}

async function waitForGoal(
  context: ApiContext,
  action: Action,
  accepted: Container,
  { waitTimeoutMs }: ChangeOptions,
): Promise<Container> {
  const progress = await startProgress(context.output, escapeText(`${accepted.name}: ${accepted.status}`))
  try {
    return await followStatus(context, accepted, {
      goal: goals[action],
      timeoutMs: waitTimeoutMs,
      onEvent: ({ message }) => progress.update(escapeText(`${accepted.name}: ${message}`)),
    })
  } catch (error) {
    progress.stop()
    if (error instanceof GpulabError && error.code === 'container_failed')
      await tellDeployLog(context, accepted.uuid)
    throw error
  } finally {
    progress.stop()
  }
}

function printState({ output }: ApiContext, container: Container): void {
  const queue = queueLabel(container)
  output.render({
    table: () =>
      output.line(
        `${output.style('green', '✓')} ${escapeText(container.name)} is ${statusLabel(output, container.status)}${queue === undefined ? '' : `, ${queue}`}`,
      ),
    json: container,
    quiet: [container.uuid],
  })
}
