import { describe, expect, it } from 'vitest'
import { findRegistry, isAllowedRegistry } from './image-reference.ts'

describe('the registry of an image', () => {
  it.each([
    ['ubuntu:22.04', undefined],
    ['pytorch/pytorch:2.1.0', undefined],
    ['ghcr.io/a/b@sha256:0', 'ghcr.io'],
    ['Registry.Example.com:5000/a', 'registry.example.com:5000'],
    ['localhost/a', 'localhost'],
    ['[::1]:5000/a', '[::1]:5000'],
  ])('%s', (reference, registry) => expect(findRegistry(reference)).toBe(registry))

  it.each(['ghcr.io', 'nvcr.io', 'registry.example.com:5000', 'gpulab.invalid', 'a1.b2.example'])(
    'may be %s',
    (registry) => {
      expect(isAllowedRegistry(registry, [])).toBe(true)
    },
  )

  it.each([
    'localhost',
    'localhost:5000',
    '127.0.0.1:5000',
    '169.254.169.254',
    '10.0.0.5',
    '[::1]:5000',
    '2130706433:80',
    '0x7f.1',
    '127.1',
    'metadata.google.internal',
    'nas.local',
    'registry:5000',
    'a.localhost.',
  ])('may not be %s, unless the operator says so', (registry) => {
    expect(isAllowedRegistry(registry, [])).toBe(false)
    expect(isAllowedRegistry(registry, [registry])).toBe(true)
  })
})
