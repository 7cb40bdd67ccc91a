import { describe, expect, it } from 'vitest'
import { checkMountPaths } from './mount-paths.ts'

describe('where volumes are mounted', () => {
  it.each([
    ['/workspace', '/workspace'],
    ['//a///b/', '/a/b'],
    ['/processes', '/processes'],
    ['/home/user name', '/home/user name'],
  ])('takes %s', (path, clean) => {
    expect(checkMountPaths([path])).toEqual([clean])
  })

  it.each([
    ['workspace'],
    ['/'],
    ['//'],
    ['/a/../proc'],
    ['/a/./b'],
    ['/proc'],
    ['/proc/self'],
    ['/sys/fs'],
    ['/dev/shm'],
    ['/.gpulab'],
    ['/.gpulab-run/x'],
    ['/a:b'],
    ['/a\nb'],
  ])('refuses %j', (path) => {
    expect(() => checkMountPaths([path])).toThrow(
      expect.objectContaining({ code: 'invalid_request' }) as Error,
    )
  })

  it('refuses two at one place', () => {
    expect(() => checkMountPaths(['/a', '/b', '/a/'])).toThrow(/both be mounted at \/a/)
  })
})
