import { decideDeletion } from '../../../apps/api/src/containers/decide-change.ts'
import { serveLine } from '../../../apps/api/src/containers/queue.ts'
import { wishOf } from '../../../apps/api/src/containers/status.ts'
import { decideReport } from '../../../apps/api/src/hosts/decide-report.ts'
import type { RunOptions } from './run-seed.ts'

/** A bug that somebody could write one day, and the promises that it breaks. */
export interface Mutation {
  readonly name: string
  readonly breaks: readonly string[]
  /** The seed to begin with, shortly before one that notices it. */
  readonly first: number
  readonly options: Pick<RunOptions, 'decisions' | 'agentBugs'>
}

let serial = 0

export const mutations: readonly Mutation[] = [
  {
    name: 'cards are freed by whatever report, also by one that does not know the newest intent',
    breaks: ['R1'],
    first: 50,
    options: {
      decisions: {
        decideReport: (records, report, now) =>
          decideReport(records, { ...report, target_version: Number.MAX_SAFE_INTEGER }, now),
      },
    },
  },
  {
    name: 'cards are freed as soon as a stop is wished for',
    breaks: ['R1'],
    first: 1,
    options: {
      decisions: {
        decideReport: (records, report, now) => {
          const decision = decideReport(records, report, now)
          const stopped = records.filter(({ row }) => row.holds && row.desired === 'stopped')
          return { ...decision, released: [...decision.released, ...stopped.map(({ row }) => row.uuid)] }
        },
      },
    },
  },
  {
    name: 'reports are taken in whatever order they come',
    breaks: ['R19'],
    first: 8,
    options: { decisions: { isBeforeLast: () => false } },
  },
  {
    name: 'a run of the agent that was replaced may say hello again',
    breaks: ['R19'],
    first: 25,
    options: { decisions: { isReplaced: () => false } },
  },
  {
    name: 'facts of an older generation count for the present one',
    breaks: ['R1', 'R2', 'told', 'files'],
    first: 190,
    options: {
      decisions: {
        decideReport: (records, report, now) => {
          const generations = new Map(records.map(({ row }) => [row.uuid, row.generation]))
          const containers = report.containers.map((facts) => ({
            ...facts,
            generation: generations.get(facts.uuid) ?? facts.generation,
          }))
          return decideReport(records, { ...report, containers }, now)
        },
      },
    },
  },
  {
    name: 'verdicts are forgotten',
    breaks: ['R4'],
    first: 60,
    options: {
      decisions: { intent: (change) => ({ ...change, verdictAttempt: null }) },
    },
  },
  {
    name: 'nobody looks at deadlines',
    breaks: ['R4'],
    first: 70,
    options: { decisions: { decideExpiry: () => undefined } },
  },
  {
    name: 'what has failed or vanished is made anew',
    breaks: ['R1', 'told'],
    first: 25,
    options: {
      decisions: {
        wishOf: (intent, facts) => (intent.desired === 'running' ? 'running' : wishOf(intent, facts)),
        mayRun: () => true,
      },
    },
  },
  {
    name: 'a container is deleted before its host has removed it',
    breaks: ['R2', 'R25'],
    first: 1,
    options: {
      decisions: {
        decideDeletion: (record, now) => {
          const change = decideDeletion(record, now)
          return change && { ...change, deletedAt: now }
        },
      },
    },
  },
  {
    name: 'a fenced host is let in while containers of before run on it',
    breaks: ['R1'],
    first: 28,
    options: { decisions: { isCleared: () => true } },
  },
  {
    name: 'the line is served from its end',
    breaks: ['line'],
    first: 1,
    options: {
      decisions: { serveLine: (line, server) => serveLine(line.toReversed(), server) },
    },
  },
  {
    name: 'nobody serves the line any more once it was long',
    breaks: ['line'],
    first: 1,
    options: {
      decisions: {
        serveLine: (line, server) => (line.length > 2 ? Promise.resolve() : serveLine(line, server)),
      },
    },
  },
  {
    name: 'new deployments pass those in line',
    breaks: ['line'],
    first: 1,
    options: { decisions: { isRival: () => false } },
  },
  {
    name: 'requests are not remembered',
    breaks: ['once'],
    first: 1,
    options: { decisions: { keyOf: (key) => `${key} ${++serial}` } },
  },
  {
    name: 'the agent never says that a step is under way',
    breaks: ['R1', 'told'],
    first: 20,
    options: {
      agentBugs: {
        tamper: (report) => ({
          ...report,
          containers: report.containers.map((facts) => ({ ...facts, busy: false })),
        }),
      },
    },
  },
  {
    name: 'the agent tells of other cards than a container has',
    breaks: ['R1'],
    first: 1,
    options: {
      agentBugs: {
        tamper: (report) => ({
          ...report,
          containers: report.containers.map((facts) => ({ ...facts, gpu_uuids: facts.gpu_uuids.slice(1) })),
        }),
      },
    },
  },
  {
    name: 'the agent starts containers on cards that others have, which were freed too early',
    breaks: ['R1'],
    first: 236,
    options: {
      agentBugs: { claims: () => ({ hold: (_uuid, _gpus, start) => start() }) },
      decisions: {
        decideReport: (records, report, now) =>
          decideReport(records, { ...report, target_version: Number.MAX_SAFE_INTEGER }, now),
      },
    },
  },
  {
    name: 'the agent makes containers anew without their files',
    breaks: ['files'],
    first: 42,
    options: {
      agentBugs: {
        tamperTarget: (target) => ({
          ...target,
          containers: target.containers.map((wish) => ({ ...wish, base_generation: null })),
        }),
      },
    },
  },
  {
    name: 'the agent leaves behind what the control plane forgot',
    breaks: ['R2'],
    first: 17,
    options: { agentBugs: { removesOrphans: false } },
  },
  {
    name: 'nobody tells a host what moved away from it',
    breaks: ['R2'],
    first: 16,
    options: { agentBugs: { removesOrphans: false }, decisions: { toRemovals: () => [] } },
  },
  {
    name: 'the agent restarts what its user does not want to be restarted',
    breaks: ['R1', 'R2', 'told'],
    first: 5,
    options: {
      agentBugs: {
        tamperTarget: (target) => ({
          ...target,
          containers: target.containers.map((wish) => ({
            ...wish,
            restart: { policy: 'unless-stopped' as const, max_retries: null },
          })),
        }),
      },
    },
  },
]
