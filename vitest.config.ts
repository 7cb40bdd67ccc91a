import { configDefaults, defineConfig } from 'vitest/config'

const exclude = [...configDefaults.exclude, '**/dist/**', '**/.gpulab/**']
const suffixes = [
  '**/*.db.test.ts',
  '**/*.docker.test.ts',
  '**/*.e2e.test.ts',
  '**/*.fault.test.ts',
  '**/*.full.test.ts',
]
const postgres = 'packages/testing/src/postgres-global-setup.ts'
const engine = 'packages/testing/src/engine-global-setup.ts'
const bundles = 'tests/faults/src/global-setup.ts'
const executable = 'tests/e2e/bench/executable-global-setup.ts'
const builtCli = 'infra/up/src/cli-global-setup.ts'

// Only what fails takes this long: another step of the tests shares the machine.
const patience = { expect: { poll: { timeout: 15_000 } } }

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...patience,
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...exclude, ...suffixes],
          // Properties take their time on a busy machine.
          testTimeout: 20_000,
        },
      },
      {
        test: {
          ...patience,
          name: 'db',
          include: ['**/*.db.test.ts'],
          exclude,
          globalSetup: [postgres],
          // drizzle-orm takes 0.6 s to load: once per worker instead of once per file.
          isolate: false,
          testTimeout: 20_000,
          hookTimeout: 20_000,
        },
      },
      {
        test: {
          ...patience,
          name: 'docker',
          include: ['**/*.docker.test.ts'],
          exclude,
          globalSetup: [engine],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          ...patience,
          name: 'e2e',
          include: ['tests/**/*.e2e.test.ts'],
          exclude,
          globalSetup: [engine, builtCli],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          ...patience,
          name: 'faults',
          include: ['tests/**/*.fault.test.ts'],
          exclude,
          globalSetup: [bundles, builtCli],
          // Each file has a system of its own, and much of its time is waiting.
          maxWorkers: 2,
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          ...patience,
          // What takes minutes: npm run test:full.
          name: 'full',
          include: ['**/*.full.test.ts'],
          exclude,
          globalSetup: [engine, builtCli],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          ...patience,
          name: 'bench',
          include: ['tests/**/*.bench.ts'],
          exclude,
          globalSetup: [engine, builtCli, executable],
          fileParallelism: false,
        },
      },
    ],
  },
})
