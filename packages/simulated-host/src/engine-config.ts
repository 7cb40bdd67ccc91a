import type { PoolLayout } from './address-pool.ts'
import type { EngineLayout } from './engine-layout.ts'

/** Renders dockerd's configuration file. A file of our own also keeps /etc/docker/daemon.json out of it. */
export function renderDockerdConfig(layout: EngineLayout, pool: PoolLayout): string {
  const config = {
    'data-root': `${layout.stateDir}/data`,
    'exec-root': `${layout.runDir}/docker`,
    pidfile: `${layout.runDir}/dockerd.pid`,
    hosts: [`unix://${layout.socketPath}`],
    containerd: layout.containerdSocket,
    bridge: layout.bridge,
    'host-gateway-ip': pool.bridgeAddress.split('/')[0],
    'default-address-pools': [{ base: pool.networks, size: pool.networkPrefix }],
    'live-restore': true,
    iptables: false,
    ip6tables: false,
    // One control group for all containers: it is how orphans are found after everything was killed.
    'cgroup-parent': `/${layout.cgroup}`,
    'exec-opts': ['native.cgroupdriver=cgroupfs'],
  }
  return `${JSON.stringify(config, null, 2)}\n`
}

/**
 * Renders containerd's configuration file. The engine has a containerd of its own, because dockerd would
 * share a running one of the system, and two engines on one containerd take each other's containers.
 */
export function renderContainerdConfig(layout: EngineLayout): string {
  return [
    'version = 2',
    `root = ${JSON.stringify(`${layout.stateDir}/containerd`)}`,
    `state = ${JSON.stringify(`${layout.runDir}/containerd`)}`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    '[grpc]',
    `  address = ${JSON.stringify(layout.containerdSocket)}`,
    '',
  ].join('\n')
}
