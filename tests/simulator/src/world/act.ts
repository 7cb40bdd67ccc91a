import type { Operation } from '../plan.ts'
import type { Front } from './front.ts'
import type { ProgramKind } from './programs.ts'
import { short } from './short.ts'
import type { SimHost } from './sim-host.ts'
import type { Users } from './users.ts'

interface Stage {
  readonly hosts: readonly SimHost[]
  readonly users: Users
  readonly front: Front
  readonly programs: Map<string, ProgramKind>
  /** Uuids by the marks of their deployments, of those that were answered. */
  readonly known: Map<string, string>
}

/** Does one operation of a plan. */
export function act({ hosts, users, front, programs, known }: Stage, operation: Operation): void {
  switch (operation.do) {
    case 'deploy': {
      const { mark, program, input } = operation
      programs.set(mark, program)
      users.ask({ do: 'create', input }, `deploy ${mark} (${program})`, (shown) => {
        if (shown) known.set(mark, shown.uuid)
      })
      return
    }
    case 'ask': {
      const uuid = known.get(operation.mark)
      if (uuid !== undefined) users.ask({ do: operation.verb, uuid }, `${operation.verb} ${short(uuid)}`)
      return
    }
    case 'users cut':
      return users.cutOff(operation.isCut)
    case 'api away':
      return front.goAway(operation.ms)
    case 'operate':
    case 'weather':
    case 'cut':
    case 'kill agent':
    case 'stop agent':
    case 'crash engine':
    case 'mood':
    case 'trap':
    case 'die after':
    case 'echo':
    case 'clock':
    case 'meddle': {
      const host = hosts[operation.host]
      if (!host) return
      if (operation.do !== 'operate') return actOn(host, operation)
      users.ask({ do: operation.verb, uuid: host.uuid }, `${operation.verb} host-${operation.host}`)
    }
  }
}

type Fault = Exclude<Extract<Operation, { readonly host: number }>, { readonly do: 'operate' }>

function actOn(host: SimHost, fault: Fault): void {
  switch (fault.do) {
    case 'weather':
      host.link.weather = fault.weather
      return host.trace(`weather ${JSON.stringify(fault.weather)}`)
    case 'cut':
      host.link.cut = fault.cut
      return host.trace(`cut: ${fault.cut}`)
    case 'kill agent':
      return host.killAgent(fault.restartMs)
    case 'stop agent':
      return host.stopAgent(fault.restartMs)
    case 'crash engine':
      return host.crashEngine(fault.fate, fault.ms)
    case 'mood':
      host.engine.mood = fault.mood
      return host.trace(`mood ${JSON.stringify(fault.mood)}`)
    case 'trap':
      return void host.engine.traps.push(fault.trap)
    case 'die after':
      host.link.dieAfter = fault.exchange
      return
    case 'echo':
      host.trace('old messages come again')
      return host.link.echo(fault.ms)
    case 'clock':
      host.trace(`its clock jumps by ${fault.ms} ms`)
      return host.setClock(fault.ms)
    case 'meddle':
      return host.meddle(fault.how, fault.pick)
  }
}
