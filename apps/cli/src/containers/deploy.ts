import { type api, type CallInput, type Container, GpulabError, type Template } from '@gpulab/contract'
import type { ApiContext } from '../base-command.ts'
import { escapeText } from '../output/escape.ts'
import type { Output } from '../output/output.ts'
import { startProgress } from '../output/spinner.ts'
import { listNames, matchByName } from '../match.ts'
import { listAll } from '../pages.ts'
import { gpuLabel, portLines, shortId, statusLabel } from './describe.ts'
import { followStatus } from './follow-status.ts'

const deployLogTail = 10

/** What goes to the API as it is; names are looked up first. */
export type DeployBody = Omit<
  NonNullable<CallInput<typeof api.containers.create>['body']>,
  'template' | 'gpu_type'
>

export interface DeployInput {
  readonly body: DeployBody
  readonly template: string | undefined
  readonly gpuType: string | undefined
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
  const gpuType = await chooseGpuType(context, input, template)
  const accepted = await api.containers.create(
    {
      body: {
        ...input.body,
        ...(template && { template: template.uuid }),
        ...(gpuType !== undefined && { gpu_type: gpuType }),
      },
    },
    { signal },
  )
  printDeployed(context, input.wait ? await waitUntilRunning(context, accepted, input) : accepted)
}

async function findTemplate({ api, signal }: ApiContext, text: string): Promise<Template> {
  const templates = await listAll((page) => api.templates.list({ query: page }, { signal }))
  const byUuid = templates.find(({ uuid }) => uuid === text.toLowerCase())
  return byUuid ?? matchByName(text, templates, { noun: 'template', notFound: 'template_not_found' })
}

/** The default of the profile is for GPU templates only: a CPU container must not lease a card by accident. */
async function chooseGpuType(
  { api, profile, signal }: ApiContext,
  { gpuType }: DeployInput,
  template: Template | undefined,
): Promise<string | undefined> {
  const wanted = gpuType ?? (template?.type === 'gpu' ? profile.defaultGpuType : undefined)
  if (wanted === undefined && template?.type !== 'gpu') return undefined
  const types = await listAll((page) => api.gpus.listTypes({ query: page }, { signal }))
  if (wanted !== undefined) {
    return matchByName(wanted, types, { noun: 'GPU type', notFound: 'gpu_type_not_found' }).name
  }
  throw new GpulabError('input_required', {
    message: `The template ${template?.name} needs a GPU: give --gpu-type.`,
    hint: `GPU types here: ${listNames(types) || 'none'}.`,
    details: { missing: 'gpu-type', candidates: types.map(({ name }) => name) },
  })
}

async function waitUntilRunning(
  context: ApiContext,
  accepted: Container,
  { waitTimeoutMs }: DeployInput,
): Promise<Container> {
  const progress = await startProgress(context.output, `Deploying ${escapeText(accepted.name)}`)
  try {
    return await followStatus(context, accepted, {
      goal: 'running',
      timeoutMs: waitTimeoutMs,
      onEvent: ({ message }) => progress.update(escapeText(`Deploying ${accepted.name}: ${message}`)),
    })
  } catch (error) {
    progress.stop()
    if (error instanceof GpulabError && error.code === 'container_failed') {
      await tellDeployLog(context, accepted.uuid)
    }
    throw error
  } finally {
    progress.stop()
  }
}

/** The end of the deployment log, so that the reason need not be asked for. */
async function tellDeployLog({ api, output, signal }: ApiContext, uuid: string): Promise<void> {
  if (output.mode === 'json') return
  const tail: string[] = []
  try {
    for await (const { line } of await api.logs.deploy({ params: { uuid } }, { signal })) {
      tail.push(line)
      if (tail.length > deployLogTail) tail.shift()
    }
  } catch {
    // The failure that is being told is the one that matters.
  }
  for (const line of tail) process.stderr.write(`  ${escapeText(line)}\n`)
}

function printDeployed({ output }: ApiContext, container: Container): void {
  output.render({
    table: () => {
      for (const line of deployedLines(output, container)) output.line(line)
      const id = shortId(container.uuid)
      const isRunning = container.status === 'running'
      output.note('')
      if (!isRunning) output.note(`  Use 'gpulab logs ${id} --deploy --follow' to view deployment progress`)
      output.note(`  Use 'gpulab exec ${id} -- COMMAND' to run a command${isRunning ? '' : ' when ready'}`)
    },
    json: { ...container, container_id: container.uuid },
    quiet: [container.uuid],
  })
}

function deployedLines(output: Output, container: Container): string[] {
  const check = output.style('green', '✓')
  const gpu = gpuLabel(container)
  const ports = portLines(container)
  return [
    `${check} Container deployed successfully`,
    '',
    `  Name:    ${escapeText(container.name)}`,
    `  UUID:    ${container.uuid}`,
    `  Status:  ${statusLabel(output, container.status)}`,
    ...(gpu === undefined ? [] : [`  GPU:     ${gpu}`]),
    ...ports.map((line, index) => (index === 0 ? `  Ports:   ${line}` : `           ${line}`)),
  ]
}
