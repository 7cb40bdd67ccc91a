import { z } from 'zod'
import { CreateContainer } from './api/containers.ts'
import { api } from './api/index.ts'
import { ExecOptions } from './api/exec.ts'
import { LogQuery } from './api/logs.ts'

const container = z.string().min(1).describe('Name, uuid, or the first 6 or more characters of the uuid.')
const path = z.string().min(1).startsWith('/').describe('Absolute path in the container.')
const seconds = (preset: number) => z.number().min(1).max(3600).default(preset).describe('Seconds.')
const { command, timeout, env, workdir, user } = ExecOptions.shape

interface Tool {
  readonly description: string
  readonly input: z.ZodObject
  /** Changes nothing, so it is there in read-only mode too. */
  readonly isReadOnly: boolean
  readonly isDestructive?: boolean
}

const tool = <T extends Tool>(definition: T): T => definition

/** What `gpulab mcp` gives to agents: endpoints under names that say what they do, with the contract's own fields. */
export const tools = {
  list_containers: tool({
    description: api.containers.list.summary,
    input: z.object({ status: api.containers.list.query.shape.status }),
    isReadOnly: true,
  }),
  list_templates: tool({ description: api.templates.list.summary, input: z.object({}), isReadOnly: true }),
  list_gpu_types: tool({ description: api.gpus.listTypes.summary, input: z.object({}), isReadOnly: true }),
  inspect_container: tool({
    description: `${api.containers.get.summary}: its status and why, GPUs, ports, what its user can do next`,
    input: z.object({ container }),
    isReadOnly: true,
  }),
  deploy_container: tool({
    description: `${api.containers.create.summary}. With wait it comes back when the container runs, or with why it does not.`,
    input: z.object({
      ...CreateContainer.shape,
      template: CreateContainer.shape.template.describe(
        'Name, a part of it that only one has, or uuid; either this or `image`.',
      ),
      gpu_type: CreateContainer.shape.gpu_type.describe(
        'Name of a GPU type, or a part of it that only one has. Without it: no GPU.',
      ),
      wait: z.boolean().default(true).describe('Wait until it runs.'),
      wait_timeout: seconds(600),
    }),
    isReadOnly: false,
  }),
  exec: tool({
    description: `${api.exec.run.summary}. A non-zero exit code is a result, not an error. What takes longer than the timeout has to be started in the background.`,
    input: z.object({ container, command, timeout, env, workdir, user }),
    isReadOnly: false,
  }),
  read_file: tool({
    description: 'Read a file in a running container; what is no UTF-8 comes as base64',
    input: z.object({ container, path, offset: z.int().min(0).default(0).describe('In bytes.') }),
    isReadOnly: true,
  }),
  write_file: tool({
    description: 'Write a file in a running container, whole or not at all; parents are made',
    input: z.object({
      container,
      path,
      content: z.string(),
      encoding: z.enum(['utf-8', 'base64']).default('utf-8'),
    }),
    isReadOnly: false,
  }),
  logs: tool({
    description: "Read the newest lines of a container's log; with deploy, those of the deployment's",
    input: z.object({
      container,
      tail: z.int().min(1).max(2000).default(100).describe('Lines from the end.'),
      stream: LogQuery.shape.stream,
      deploy: z.boolean().default(false),
    }),
    isReadOnly: true,
  }),
  stats: tool({
    description: 'Show what a running container uses: CPU, memory, network, each GPU',
    input: z.object({ container }),
    isReadOnly: true,
  }),
  wait: tool({
    description: 'Wait until a container runs or is stopped; fails at once when that cannot come any more',
    input: z.object({ container, for: z.enum(['running', 'stopped']), timeout: seconds(300) }),
    isReadOnly: true,
  }),
  stop_container: tool({
    description: `${api.containers.stop.summary}; its files are kept. Comes back at once; wait tells when it is stopped.`,
    input: z.object({ container }),
    isReadOnly: false,
  }),
  start_container: tool({
    description: `${api.containers.start.summary}. Comes back at once; wait tells when it runs.`,
    input: z.object({ container }),
    isReadOnly: false,
  }),
  remove_container: tool({
    description: `${api.containers.remove.summary}, with all files in it`,
    input: z.object({ container }),
    isReadOnly: false,
    isDestructive: true,
  }),
} as const

export type ToolName = keyof typeof tools
export type ToolInput<N extends ToolName> = z.output<(typeof tools)[N]['input']>
