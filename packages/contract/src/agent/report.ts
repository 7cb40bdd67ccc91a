import { z } from 'zod'
import { empty, endpoint, json } from '../endpoint.ts'
import { Bytes, foreignText, Timestamp, Uuid } from '../fields.ts'

export const HostGpu = z.object({
  uuid: z.string().min(1).max(128),
  index: z.int().min(0),
  name: z.string().min(1).max(255),
  memory_bytes: Bytes,
  simulated: z.boolean(),
})
export type HostGpu = z.infer<typeof HostGpu>

const EngineState = z.object({
  available: z.boolean(),
  version: z.string().nullable(),
  message: foreignText(2000).nullable().describe('Why it is not available.'),
})

/** Sent once per run of the agent, before anything else. */
export const Hello = z.object({
  boot_id: Uuid.describe('New for each run of the agent; the newest wins.'),
  agent_version: z.string().max(64),
  cpus: z.number(),
  memory_bytes: Bytes,
  gpus: z.array(HostGpu).max(64),
  engine: EngineState,
})
export type Hello = z.infer<typeof Hello>

/** Facts about one container. Times are the engine's own strings. */
export const ContainerFacts = z.object({
  uuid: Uuid,
  generation: z.int().min(1),
  state: z.enum(['absent', 'pulling', 'created', 'running', 'exited']),
  busy: z.boolean().describe('A step is under way, so this state is about to change.'),
  started_at: z.string().nullable(),
  finished_at: z.string().nullable(),
  exit_code: z.int().nullable(),
  oom_killed: z.boolean(),
  gpu_uuids: z.array(z.string()),
  failure: z
    .object({
      attempt: z.int().min(1),
      code: z.string().regex(/^[a-z_]{1,64}$/),
      message: foreignText(2000),
    })
    .nullable()
    .describe('Why that attempt to make it run failed for good.'),
})
export type ContainerFacts = z.infer<typeof ContainerFacts>

/** All containers of the host at one moment. Complete: what is not in it is not there. */
export const Report = z.object({
  boot_id: Uuid,
  seq: z.int().min(1).describe('Grows by one; an older report than the last applied one is ignored.'),
  target_version: z.int().min(-1).describe('The target that the agent held when it looked; -1 for none yet.'),
  engine: EngineState,
  containers: z.array(ContainerFacts).max(4096),
})
export type Report = z.infer<typeof Report>

/** Lines of the deployment log; `seq` counts per boot, so a repeated line is stored once. */
export const DeployLog = z.object({
  boot_id: Uuid,
  lines: z
    .array(z.object({ seq: z.int().min(1), container_uuid: Uuid, ts: Timestamp, line: foreignText(2000) }))
    .max(1000),
})
export type DeployLog = z.infer<typeof DeployLog>

/** Seconds between reports when nothing changes. */
export const heartbeatSeconds = 10

export const report = {
  hello: endpoint({
    method: 'POST',
    path: '/agent/v1/hello',
    summary: 'Announce a run of the agent with its inventory',
    scope: 'host',
    body: Hello,
    result: json(z.object({ host_uuid: Uuid })),
    errors: [],
  }),
  send: endpoint({
    method: 'POST',
    path: '/agent/v1/reports',
    summary: 'Report the state of every container of the host',
    scope: 'host',
    body: Report,
    result: empty(),
    errors: ['boot_replaced'],
  }),
  deployLog: endpoint({
    method: 'POST',
    path: '/agent/v1/deploy-log',
    summary: 'Append to the deployment logs',
    scope: 'host',
    body: DeployLog,
    result: empty(),
    errors: ['boot_replaced'],
  }),
}
