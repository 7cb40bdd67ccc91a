import { type api, type CallInput, type Container, GpulabError } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { keyOf } from '../idempotency-transport.ts'
import { escapeText } from '../output/escape.ts'
import { startProgress } from '../output/spinner.ts'
import { listAll } from '../pages.ts'
import { findTemplate } from '../templates/find-template.ts'
import { tellDeployLog } from './deploy-log-tail.ts'
import { printDeployed } from './deploy-result.ts'
import { queueLabel, shortId } from './describe.ts'
import { followStatus } from './follow-status.ts'
import { chooseGpuTypes } from './gpu-types.ts'

/** What goes to the API as it is; names are looked up first. */
export type DeployBody = Omit<
  NonNullable<CallInput<typeof api.containers.create>['body']>,
  'template' | 'gpu_type' | 'gpu_types'
>

export interface DeployInput {
  readonly body: DeployBody
  readonly template: string | undefined
  /** In the order of preference. */
  readonly gpuTypes: readonly string[]
  readonly idempotencyKey: string | undefined
  readonly wait: boolean
  readonly waitTimeoutMs: number
}

export async function deploy(context: ApiContext, input: DeployInput): Promise<void> {
  const { api, signal } = context
  if ((input.template === undefined) === (input.body.image === undefined)) {
    throw new GpulabError('input_required', {
      message: 'Say what to run: either --template or --image.',
      hint: 'gpulab templates lists the templates.',
    })
  }
  const template = input.template === undefined ? undefined : await findTemplate(context, input.template)
  const gpuTypes = await chooseGpuTypes(context, input.gpuTypes, template)
  const present = input.body.if_exists === 'adopt' ? await listNamed(context, input.body.name) : []
  const accepted = await api.containers
    .create(
      { body: { ...input.body, ...(template && { template: template.uuid }), ...gpuTypes } },
      { signal, ...(input.idempotencyKey !== undefined && { idempotencyKey: input.idempotencyKey }) },
    )
    .catch((error: unknown) => {
      throw sayHowToRepeat(error)
    })
  printDeployed(context, {
    container: input.wait ? await waitUntilRunning(context, accepted, input) : accepted,
    isAdopted: present.some(({ uuid }) => uuid === accepted.uuid),
  })
}

/** The answer does not tell an adopted container from a new one, but only one that was there can be adopted. */
const listNamed = ({ api, signal }: ApiContext, name = ''): Promise<Container[]> =>
  listAll((page) => api.containers.list({ query: { ...page, name } }, { signal }))

function sayHowToRepeat(error: unknown): unknown {
  const key = error instanceof GpulabError ? keyOf(error) : undefined
  if (!(error instanceof GpulabError) || key === undefined) return error
  return new GpulabError(error.code, {
    message: error.message,
    hint: `Repeat the command with --idempotency-key ${key}: that deploys nothing twice. Or look with gpulab ls.`,
    cause: error,
    ...(error.details && { details: error.details }),
  })
}

async function waitUntilRunning(
  context: ApiContext,
  accepted: Container,
  { waitTimeoutMs }: DeployInput,
): Promise<Container> {
  let latest = accepted
  const progress = await startProgress(context.output, progressOf(accepted))
  try {
    return await followStatus(context, accepted, {
      goal: 'running',
      timeoutMs: waitTimeoutMs,
      onEvent: ({ message }) => progress.update(progressOf(accepted, message)),
      onLook: (container) => {
        latest = container
        if (container.queue) progress.update(progressOf(container))
      },
    })
  } catch (error) {
    progress.stop()
    if (error instanceof GpulabError && error.code === 'container_failed') {
      await tellDeployLog(context, accepted.uuid)
    }
    throw error instanceof GpulabError && error.code === 'interrupted' ? leave(latest) : error
  } finally {
    progress.stop()
  }
}

function progressOf(container: Container, message?: string): string {
  const name = escapeText(container.name)
  if (message !== undefined) return `Deploying ${name}: ${escapeText(message)}`
  const queue = queueLabel(container)
  return queue === undefined ? `Deploying ${name}` : `Waiting in line with ${name}, ${queue}`
}

/** Ctrl-C ends the wait only. */
function leave({ uuid, name, status }: Container): GpulabError {
  const id = shortId(uuid)
  const isQueued = status === 'queued'
  return new GpulabError('interrupted', {
    message: isQueued
      ? `Interrupted; ${name} stays in line.`
      : `Interrupted; the deployment of ${name} goes on.`,
    hint: isQueued
      ? `gpulab inspect ${id} shows its place, gpulab rm ${id} takes it out.`
      : `gpulab inspect ${id} shows how far it is, gpulab rm ${id} removes it.`,
    details: { uuid, container_id: uuid, name, status },
  })
}
