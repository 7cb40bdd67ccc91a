import type { Snapshot } from './control-plane.ts'

/** One change of an engine, at the moment at which it is true. Times are milliseconds since the epoch. */
export interface EngineEvent {
  readonly at: number
  readonly hostUuid: string
  readonly action: 'create' | 'start' | 'die' | 'destroy'
  /** The engine's id. */
  readonly id: string
  readonly uuid: string
  readonly generation: number
  readonly gpus: readonly string[]
  /** The engine's own string; null before the first start. */
  readonly startedAt: string | null
  /** Marks that its earlier runs have left in it: what its user would miss. */
  readonly marks: readonly string[]
  /** Marks that something else on the host still has of the same container, when it is destroyed. */
  readonly kept: readonly string[]
}

/** Which generation of a container goes on with the files of which older one, as its host was told. */
export interface Made {
  readonly at: number
  readonly hostUuid: string
  readonly uuid: string
  readonly generation: number
  readonly baseGeneration: number | null
}

/** A container as an engine has it. */
export interface EngineContainer {
  readonly hostUuid: string
  readonly uuid: string
  readonly generation: number
  readonly isRunning: boolean
  /** When it was started or ended last. */
  readonly changedAt: number
}

/** Something else of ours that an engine has: a committed image, or a volume that no container and no image names. */
export interface Leftover {
  readonly hostUuid: string
  readonly name: string
  /** Of its container; null where that cannot be told. */
  readonly uuid: string | null
}

/** A report that the control plane took in, in the order of taking; when it was made says `madeAt`. */
export interface TakenReport {
  readonly at: number
  readonly hostUuid: string
  readonly bootId: string
  readonly seq: number
  readonly madeAt: number
}

/** A request of a user's or an operator's, and what came of it. */
export interface Asked {
  readonly at: number
  readonly key: string
  readonly what: string
  /** The container or host. */
  readonly uuid: string | null
  /** Of the answer that counts: `ok`, or the error's code; `lost` where none came. */
  readonly outcome: string
}

/** A request that the control plane has carried out, whether or not anybody heard of it. */
export interface Done {
  readonly at: number
  readonly what: string
  readonly uuid: string
  /** As it was answered. */
  readonly status: string | null
}

/** Everything that a run has to be judged by. */
export interface History {
  readonly engine: readonly EngineEvent[]
  readonly reports: readonly TakenReport[]
  readonly asked: readonly Asked[]
  readonly done: readonly Done[]
  readonly made: readonly Made[]
  /** Containers whose engine container somebody else has removed by hand. */
  readonly meddled: ReadonlySet<string>
  /** Hosts whose clocks have jumped. */
  readonly skewed: ReadonlySet<string>
  /** Times at which requests were carried out differ by as much from what they wrote down. */
  readonly slackMs: number
  /** At the end. */
  readonly end: Snapshot
}

/** A promise that was broken. */
export interface Violation {
  /** Of research B.3, or a word. */
  readonly rule: string
  readonly at: number
  readonly message: string
}
