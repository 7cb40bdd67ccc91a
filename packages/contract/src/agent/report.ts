import { z } from 'zod'
import { empty, endpoint, json } from '../endpoint.ts'
import { Bytes, foreignText, Timestamp, Uuid, VolumeDriver } from '../fields.ts'

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

/** One look of the agent at its host: what has to be so for containers to be safe and well there. */
export const HostCheck = z
  .object({
    name: z
      .string()
      .regex(/^[a-z][a-z-]{0,62}$/)
      .describe('live-restore, log-driver, disk, clock …'),
    level: z.enum(['ok', 'warning', 'failure']),
    message: foreignText(1000).describe('What was found, and what to do about it unless all is well.'),
  })
  .meta({ id: 'HostCheck' })
export type HostCheck = z.infer<typeof HostCheck>

/** A kind of volumes that a host can give to its containers. */
export const HostVolumes = z.object({
  driver: VolumeDriver,
  enforced: z.boolean().describe('Whether a volume can hold no more than its size.'),
  size_bytes: Bytes.describe('Of what volumes are kept on, as a whole; 0 where that is not known.'),
})
export type HostVolumes = z.infer<typeof HostVolumes>

/** Sent at the start of each run of the agent and whenever its inventory changes. */
export const Hello = z.object({
  boot_id: Uuid.describe('New for each run of the agent; the newest wins.'),
  agent_version: z.string().max(64),
  cpus: z.number().describe('What may be promised to containers; as the next two.'),
  memory_bytes: Bytes,
  disk_bytes: Bytes.describe("Size of the file system that holds the engine's data."),
  gpus: z.array(HostGpu).max(64),
  images: z.array(z.string().max(512)).max(2000).describe('References that the engine has already.'),
  deploy_timeout: z.number().min(1).describe('Seconds after which the agent gives an attempt up.'),
  checks: z.array(HostCheck).max(50),
  volumes: z.array(HostVolumes).max(8),
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
  restarts: z.int().min(0).describe('Automatic restarts of the present attempt.'),
  gpu_uuids: z.array(z.string()).describe('The cards that it was made with.'),
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

/** Says that everything is still as an earlier report told it; cheaper than telling it again. */
export const Heartbeat = z.object({
  boot_id: Uuid,
  seq: z.int().min(1).describe('Counts on with that of reports.'),
  report_seq: z.int().min(1).describe('The report that still holds.'),
})
export type Heartbeat = z.infer<typeof Heartbeat>

/** Facts about one volume. */
export const VolumeFacts = z.object({
  uuid: Uuid,
  state: z
    .enum(['absent', 'pending', 'ready', 'degraded'])
    .describe('`degraded`: it is there, and does not answer or cannot be mounted now.'),
  generation: z.int().min(0).describe('Of the newest wish that is carried out; 0 for none.'),
  size_bytes: Bytes,
  used_bytes: Bytes.nullable().describe('null where it is not known now.'),
  enforced: z.boolean(),
  problem: foreignText(2000).nullable().describe('Why it is not ready.'),
  failure: z
    .object({
      generation: z.int().min(1),
      code: z.string().regex(/^[a-z_]{1,64}$/),
      message: foreignText(2000),
    })
    .nullable()
    .describe('Why a wish cannot be carried out.'),
})
export type VolumeFacts = z.infer<typeof VolumeFacts>

/** All volumes of the target, and others that the host has. */
export const VolumeReport = z.object({
  boot_id: Uuid,
  target_version: z.int().min(-1).describe('The target that the agent held when it looked.'),
  volumes: z.array(VolumeFacts).max(4096),
})
export type VolumeReport = z.infer<typeof VolumeReport>

/** Lines of the deployment log; `seq` counts per boot, so a repeated line is stored once. */
export const DeployLog = z.object({
  boot_id: Uuid,
  lines: z
    .array(z.object({ seq: z.int().min(1), container_uuid: Uuid, ts: Timestamp, line: foreignText(2000) }))
    .max(1000),
})
export type DeployLog = z.infer<typeof DeployLog>

/** Seconds between signs of life when nothing changes. */
export const heartbeatSeconds = 10

export const report = {
  hello: endpoint({
    method: 'POST',
    path: '/agent/v1/hello',
    summary: 'Announce a run of the agent with its inventory',
    scope: 'host',
    body: Hello,
    result: json(
      z.object({
        host_uuid: Uuid,
        ignored_gpus: z
          .array(z.string())
          .describe('Cards that a living host of another name has: say hello again for them later.'),
      }),
    ),
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
  heartbeat: endpoint({
    method: 'POST',
    path: '/agent/v1/heartbeats',
    summary: 'Say that nothing has changed since a report',
    scope: 'host',
    body: Heartbeat,
    result: empty(),
    errors: ['boot_replaced', 'report_needed'],
  }),
  volumes: endpoint({
    method: 'POST',
    path: '/agent/v1/volumes',
    summary: 'Report the state of the volumes of the host',
    scope: 'host',
    body: VolumeReport,
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
