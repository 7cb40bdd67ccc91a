import type Docker from 'dockerode'
import { runTarget } from '../guest/paths.ts'
import { toRunTimes } from './run-times.ts'

/** A container as the engine sees it now. Times are the engine's own strings, null for never. */
export interface EngineContainer {
  readonly id: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly state: 'created' | 'running' | 'exited'
  readonly pid: number
  readonly startedAt: string | null
  readonly finishedAt: string | null
  readonly exitCode: number | null
  readonly oomKilled: boolean
  readonly createdAt: string
  /** The name of its network. */
  readonly network: string
  readonly volumes: readonly VolumeMount[]
  /** The host's folder in which its guest finds the agent; null for a container that was made without. */
  readonly guestFolder: string | null
  /** The engine has it in its list and gives no answer about it: only what a list tells is known. */
  readonly isStuck: boolean
}

/** A volume of the engine and where a container sees it. */
export interface VolumeMount {
  readonly name: string
  readonly path: string
}

const states: Record<string, EngineContainer['state']> = {
  created: 'created',
  running: 'running',
  // It holds its GPUs like a running one.
  paused: 'running',
  restarting: 'running',
}

export function toContainer(info: Docker.ContainerInspectInfo): EngineContainer {
  const { Id, Name, Config, State, HostConfig, Mounts } = info
  const state = states[State.Status] ?? 'exited'
  return {
    id: Id,
    name: Name.replace(/^\//, ''),
    labels: Config.Labels ?? {},
    state,
    pid: State.Pid,
    ...toRunTimes(State, state === 'running'),
    exitCode: state === 'exited' ? State.ExitCode : null,
    oomKilled: State.OOMKilled,
    createdAt: info.Created,
    isStuck: false,
    network: HostConfig.NetworkMode ?? '',
    volumes: Mounts.flatMap(({ Type, Name, Destination }) =>
      Type === 'volume' && Name !== undefined ? [{ name: Name, path: Destination }] : [],
    ),
    guestFolder:
      Mounts.find(({ Type, Destination }) => Type === 'bind' && Destination === runTarget)?.Source ?? null,
  }
}

/** Of one that only the list tells of. */
export const toStuck = ({
  Id,
  Names,
  Labels,
  State,
  Created,
  HostConfig,
}: Docker.ContainerInfo): EngineContainer => ({
  id: Id,
  name: (Names[0] ?? '').replace(/^\//, ''),
  labels: Labels,
  state: states[State] ?? 'exited',
  pid: 0,
  startedAt: null,
  finishedAt: null,
  exitCode: null,
  oomKilled: false,
  createdAt: new Date(Created * 1000).toISOString(),
  network: HostConfig.NetworkMode,
  volumes: [],
  guestFolder: null,
  isStuck: true,
})

/** The engine writes the year 1 for never. */
