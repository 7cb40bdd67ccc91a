import { type Container, GpulabError } from '@gpulab/contract'
import type { ToolInput, ToolName } from '@gpulab/contract/tools'
import { followStatus } from '../containers/follow-status.ts'
import { chooseGpuTypes } from '../containers/gpu-types.ts'
import { resolveContainer, resolveContainerUuid } from '../containers/kind.ts'
import type { ApiContext } from '../context.ts'
import { busybox, createToolbox } from '../files/toolbox.ts'
import { listAll } from '../pages.ts'
import { findTemplate } from '../templates/find-template.ts'
import { waitForStatus } from '../wait/wait-for-status.ts'
import { withDeadline } from '../with-deadline.ts'
import { decodeContent } from './decode-content.ts'
import { lastThatFit } from './fit.ts'

/** Of a file, and of each stream of a command: agents read what comes back word for word. */
export const partMaxBytes = 48 << 10
const logMaxCharacters = 100_000

type Handlers = {
  readonly [N in ToolName]: (context: ApiContext, input: ToolInput<N>) => Promise<unknown>
}

export const handlers: Handlers = {
  list_containers: ({ api, signal }, { status }) =>
    listAll((page) => api.containers.list({ query: { ...page, ...(status && { status }) } }, { signal })),
  list_templates: ({ api, signal }) => listAll((page) => api.templates.list({ query: page }, { signal })),
  list_gpu_types: ({ api, signal }) => listAll((page) => api.gpus.listTypes({ query: page }, { signal })),
  inspect_container: (context, { container }) => resolveContainer(context, container),
  deploy_container: async (context, { wait, wait_timeout: timeout, gpu_type, gpu_types, ...body }) => {
    const template = body.template === undefined ? undefined : await findTemplate(context, body.template)
    const gpus =
      gpu_type !== undefined && gpu_types
        ? { gpu_type, gpu_types }
        : await chooseGpuTypes(context, gpu_types ?? (gpu_type === undefined ? [] : [gpu_type]), template)
    const accepted = await context.api.containers.create(
      { body: { ...body, ...gpus, template: template?.uuid } },
      { signal: context.signal },
    )
    const deployed = wait
      ? await followStatus(context, accepted, { goal: 'running', timeoutMs: timeout * 1000 })
      : accepted
    return { ...deployed, container_id: deployed.uuid }
  },
  exec: async (context, { container, ...body }) => {
    const uuid = await resolveContainerUuid(context, container)
    const limited = { ...body, max_output: partMaxBytes }
    const { signal } = context
    return context.api.exec.run(
      { params: { uuid }, body: limited },
      { signal, timeoutMs: (body.timeout + 15) * 1000 },
    )
  },
  read_file: async (context, { container, path, offset }) => {
    const uuid = await resolveContainerUuid(context, container)
    const command = [
      busybox,
      'sh',
      '-c',
      'exec "$0" tail -c "+$2" -- "$1"',
      busybox,
      path,
      String(offset + 1),
    ]
    const body = { command, max_output: partMaxBytes, workdir: '/' }
    const result = await context.api.exec.run({ params: { uuid }, body }, { signal: context.signal })
    // Ended by its full output, if there is more.
    if (result.exit_code !== 0 && !result.stdout_truncated) throw fileFailure(result.stderr, path)
    const { stdout: content, stdout_encoding: encoding, stdout_truncated: truncated } = result
    const bytes = Buffer.byteLength(content, encoding === 'base64' ? 'base64' : 'utf8')
    return { path, content, encoding, truncated, next_offset: truncated ? offset + bytes : null }
  },
  write_file: async (context, { container, path, content, encoding }) => {
    const uuid = await resolveContainerUuid(context, container)
    const bytes = decodeContent(content, encoding)
    const { exitCode, stderr } = await createToolbox(context, uuid).shell(writeScript, [path], {
      input: (async function* () {
        yield bytes
      })(),
    })
    if (exitCode !== 0) throw fileFailure(stderr, path)
    return { path, bytes: bytes.length }
  },
  logs: async (context, { container, tail, stream, deploy }) => {
    const { api, signal } = context
    const params = { uuid: await resolveContainerUuid(context, container) }
    const lines: string[] = []
    const source = deploy
      ? await api.logs.deploy({ params }, { signal })
      : await api.logs.read({ params, query: { tail, ...(stream && { stream }) } }, { signal })
    for await (const { line } of source) lines.push(line)
    return lastThatFit(lines.slice(-tail), logMaxCharacters)
  },
  stats: async (context, { container }) => {
    const params = { uuid: await resolveContainerUuid(context, container) }
    for await (const sample of await context.api.stats.read({ params }, { signal: context.signal }))
      return sample
    throw new GpulabError('container_not_running')
  },
  wait: async (context, { container, for: goal, timeout }) => {
    const found = await resolveContainer(context, container)
    const toError = (): GpulabError =>
      new GpulabError('wait_timeout', {
        message: `Container ${found.name} was not ${goal} within ${timeout} s.`,
        hint: 'It goes on: wait again, or look with inspect_container.',
        details: { uuid: found.uuid, container_id: found.uuid, name: found.name, for: goal },
      })
    return withDeadline(context, { timeoutMs: timeout * 1000, toError }, (timed) =>
      waitForStatus(timed, found, goal),
    )
  },
  stop_container: (context, { container }) => change(context, 'stop', container),
  start_container: (context, { container }) => change(context, 'start', container),
  remove_container: async (context, { container }) => {
    const { uuid, name } = await resolveContainer(context, container)
    await context.api.containers.remove({ params: { uuid } }, { signal: context.signal })
    return { uuid, name, deleted: true }
  },
}

/** Whoever reads it meanwhile sees the old file, or none. */
const writeScript = `set -e
if [ -d "$1" ]; then echo "$1: is a folder" >&2; exit 1; fi
mkdir -p -- "$(dirname -- "$1")"
part="$1.gpulab-$$"
trap 'rm -f -- "$part"' EXIT
cat > "$part"
if [ -f "$1" ]; then chmod "$(stat -c %a -- "$1")" "$part"; fi
mv -f -- "$part" "$1"`

async function change(context: ApiContext, action: 'stop' | 'start', reference: string): Promise<Container> {
  const uuid = await resolveContainerUuid(context, reference)
  return context.api.containers[action]({ params: { uuid } }, { signal: context.signal })
}

function fileFailure(stderr: string, path: string): GpulabError {
  const isMissing = stderr.includes('No such file')
  return new GpulabError(isMissing ? 'path_not_found' : 'path_not_allowed', {
    message: stderr.trim().slice(0, 500) || `${path} could not be read or written.`,
  })
}
