"""What differs between the machines: the emulator, its machine type, its devices, the kernel's modules."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    debian: str  # Debian's name of the architecture
    emulator: list  # the program and the machine type
    processor: str  # the default model; "" is the machine type's own
    console: str  # the kernel's console
    transport: str  # how virtio devices are attached: the last part of qemu's device names
    modules: list  # in the order in which they must be loaded
    network: list  # a network card that the modules know; NETWORK stands for what it is connected to

    @property
    def set(self):
        """The set of packages.txt that it is made of."""
        return f"machine-{self.debian}"


MACHINES = {
    "arm64": Machine(
        debian="arm64",
        emulator=["qemu-system-aarch64", "-M", "virt"],
        processor="cortex-a57",
        console="ttyAMA0",
        transport="device",
        modules=["virtio_mmio", "virtio_console", "failover", "net_failover", "virtio_net"],
        network=["-netdev", "NETWORK", "-device", "virtio-net-device,netdev=net"],
    ),
    # The emulator has no answer to four questions of the firmware about side channels: "broken" and "off" say so.
    # The emulator's own open firmware (x-vof) starts the kernel 4 s sooner than SLOF.
    "ppc64le": Machine(
        debian="ppc64el",
        emulator=["qemu-system-ppc64", "-M",
                  "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off,x-vof=on"],
        processor="",
        console="hvc0",
        transport="pci",
        modules=["virtio", "virtio_ring", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci",
                 "virtio_console", "ibmveth"],
        network=["-nic", "NETWORK,model=spapr-vlan"],
    ),
}
