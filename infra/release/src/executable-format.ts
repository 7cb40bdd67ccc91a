import type { Target } from './targets.ts'

const elfMachines: Readonly<Record<number, Target['arch']>> = { 0x3e: 'amd64', 0xb7: 'arm64' }
const machCpus: Readonly<Record<number, Target['arch']>> = { 0x01000007: 'amd64', 0x0100000c: 'arm64' }
const machMagic64 = 0xfeedfacf

/** For which system a program is, by its first bytes (ELF, Mach-O 64); undefined for anything else. */
export function readTarget(head: Buffer): Target | undefined {
  if (head.length < 20) return undefined
  if (head.toString('latin1', 0, 4) === '\u007fELF') {
    const arch = elfMachines[head.readUInt16LE(18)]
    return arch && { os: 'linux', arch }
  }
  if (head.readUInt32LE(0) !== machMagic64) return undefined
  const arch = machCpus[head.readUInt32LE(4)]
  return arch && { os: 'darwin', arch }
}
