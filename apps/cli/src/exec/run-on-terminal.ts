import { GpulabError } from '@gpulab/contract'
import type { ApiContext } from '../base-command.ts'
import type { Interruption } from '../sessions/interruption.ts'
import type { ExecInput } from './exec-input.ts'

export async function runOnTerminal(
  _context: ApiContext,
  _interruption: Interruption,
  _reference: string,
  _input: ExecInput,
): Promise<number> {
  throw new GpulabError('not_available')
}
