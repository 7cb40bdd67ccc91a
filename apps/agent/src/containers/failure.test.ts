import { describe, expect, it } from 'vitest'
import { EngineError } from '../docker/errors.ts'
import { toExitFailure } from './exit-failures.ts'
import { isLimitTrouble, isPermanent, toStartFailure } from './failure.ts'
import { toPullFailure, toPullReference } from './image-puller.ts'

const chain =
  'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: '

describe('a failed start', () => {
  it.each([
    [
      `${chain}exec: "nope": executable file not found in $PATH: unknown`,
      'command_not_startable',
      '"nope": executable file not found in $PATH',
    ],
    [`${chain}exec: "/etc": permission denied: unknown`, 'command_not_startable', 'permission denied'],
    [
      'unable to find user zz: no matching entries in passwd file',
      'command_not_startable',
      'unable to find user zz',
    ],
    [
      `${chain}error during container init: error running hook #0: error running hook: exit status 1, stdout: , stderr: nvidia-container-cli: device error: GPU-x: unknown device: unknown`,
      'gpu_unavailable',
      'device error: GPU-x: unknown device',
    ],
    [
      'could not select device driver "nvidia" with capabilities: [[gpu]]',
      'gpu_unavailable',
      'could not select device driver',
    ],
    ['something else', 'container_start_failed', 'something else'],
  ])('%s', (message, code, part) => {
    const failure = toStartFailure(new EngineError(message, 500, undefined))
    expect(failure.code).toBe(code)
    expect(failure.message).toContain(part)
    expect(failure.message).not.toMatch(/shim task|: unknown$/)
  })

  it('for want of limits is known', () => {
    const message = `${chain}error during container init: error setting rlimits for ready process: error setting rlimit type 8: operation not permitted: unknown`
    expect(isLimitTrouble(new EngineError(message, 500, undefined))).toBe(true)
  })

  it.each([
    'task 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef: already exists: unknown',
    'failed to start shim: mkdir /run/x/moby/0123: file exists: unknown',
    'OCI runtime create failed: runc create failed: container with given ID already exists: unknown',
    'OCI runtime create failed: container with id exists: 0123: unknown',
  ])('that is about what an earlier engine has left is tried again: %s', (message) => {
    expect(isPermanent(new EngineError(message, 500, undefined))).toBe(false)
    expect(isPermanent(new EngineError('something else', 500, undefined))).toBe(true)
  })

  it.each([
    [undefined, 'connect ENOENT', true],
    [503, 'anything', true],
    [500, 'transport is closing: unavailable', true],
    [500, 'connection error: desc = "transport: error while dialing: dial unix: connection refused"', true],
    [500, 'dial tcp 127.0.0.1:1: connect: connection refused', false],
    [500, 'dial tcp: lookup registry.invalid on 127.0.0.11:53: no such host', false],
    [500, 'something else', false],
    [404, 'no such container', false],
  ])('is tried again or not: %s %s', (status, message, transient) => {
    expect(new EngineError(message, status, undefined).transient).toBe(transient)
  })
})

describe('an exit', () => {
  it('is told from one of the command', () => {
    const line =
      '2026-11-24T10:34:48.080879247Z [FATAL tini (7)] exec no such failed: No such file or directory\n'
    expect(toExitFailure(line)).toEqual({
      code: 'command_not_startable',
      message: 'The command could not be started: "no such": No such file or directory.',
    })
    expect(toExitFailure('2026-11-24T10:34:48.080879247Z sh: nope: not found\n')).toBeUndefined()
  })
})

describe('a failed pull', () => {
  it.each([
    ['manifest unknown: <b>secret</b>', 'image_not_found', 'does not exist or needs a login'],
    ['unauthorized: secret', 'image_not_found', 'does not exist or needs a login'],
    ['dial tcp 127.0.0.1:1: connect: connection refused', 'image_pull_failed', 'may not be reachable'],
    ['lookup secret: no such host', 'image_pull_failed', 'may not be reachable'],
    ['Get "http://secret/v2/": context deadline exceeded', 'image_pull_failed', 'may not be reachable'],
    ['write /secret: no space left on device', 'image_pull_failed', 'no room'],
    ['toomanyrequests: secret\0', 'image_pull_failed', 'refused'],
  ])('is told without what the registry said: %s', (text, code, part) => {
    const failure = toPullFailure('a/b:1', false, new EngineError(text, 500, undefined))
    expect(failure.code).toBe(code)
    expect(failure.message).toContain(part)
    expect(failure.message).not.toMatch(/secret|127\.0/)
    expect(failure.cause).toBeDefined()
  })
})

describe('an image reference', () => {
  it.each([
    ['ubuntu', 'ubuntu:latest'],
    ['ubuntu:22.04', 'ubuntu:22.04'],
    ['localhost:5000/a/b', 'localhost:5000/a/b:latest'],
    ['a/b@sha256:00', 'a/b@sha256:00'],
  ])('%s is pulled as %s', (name, reference) => {
    expect(toPullReference(name)).toBe(reference)
  })
})
