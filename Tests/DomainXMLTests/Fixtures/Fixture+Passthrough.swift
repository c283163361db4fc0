extension Fixture {
  /// An inactive definition full of what another host may not have: block, network, volume and NVMe disks, passed-through
  /// devices, shared directories and memory, and QEMU arguments in their own namespace.
  static let passthrough = """
    <domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
      <name>lab &apos;gpu&apos;</name>
      <uuid>9d0c2b9a-0b8e-4f39-8a3c-6f6f0b1f0c02</uuid>
      <memory unit='KiB'>1048577</memory>
      <vcpu placement='static' cpuset='0-3'>2</vcpu>
      <os firmware='efi'>
        <type arch='x86_64' machine='q35'>hvm</type>
        <kernel>/boot/vmlinuz</kernel>
        <initrd>/boot/initrd.img</initrd>
        <cmdline>console=ttyS0 quiet</cmdline>
      </os>
      <cpu mode='host-passthrough' check='none' migratable='on'/>
      <devices>
        <emulator>/usr/bin/qemu-system-x86_64</emulator>
        <!-- the shared scratch volume -->
        <disk type='block' device='disk'>
          <driver name='qemu' type='raw'/>
          <source dev='/dev/vg0/scratch'/>
          <target dev='vda' bus='virtio'/>
          <shareable/>
        </disk>
        <disk type='network' device='disk'>
          <driver name='qemu' type='raw'/>
          <auth username='longshore'>
            <secret type='ceph' uuid='1b3a1f3e-0000-4000-8000-000000000001'/>
          </auth>
          <source protocol='rbd' name='pool/image'>
            <host name='mon1.example.org' port='6789'/>
            <host name='mon2.example.org'/>
            <encryption format='luks'>
              <secret type='passphrase' uuid='1b3a1f3e-0000-4000-8000-000000000002'/>
            </encryption>
          </source>
          <target dev='vdb' bus='virtio'/>
        </disk>
        <disk type='volume' device='disk'>
          <source pool='fast' volume='scratch.qcow2'/>
          <target dev='vdc' bus='virtio'/>
          <transient/>
        </disk>
        <disk type='nvme' device='disk'>
          <driver name='qemu' type='raw'/>
          <source type='pci' managed='yes' namespace='1'>
            <address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
          </source>
          <target dev='vdd' bus='virtio'/>
        </disk>
        <disk type='file' device='cdrom'>
          <target dev='hdc' bus='ide'/>
          <readonly/>
        </disk>
        <filesystem type='mount' accessmode='passthrough'>
          <driver type='virtiofs'/>
          <source dir='/srv/share'/>
          <target dir='share'/>
        </filesystem>
        <filesystem type='mount' accessmode='mapped'>
          <source dir='/srv/nine'/>
          <target dir='nine'/>
        </filesystem>
        <interface type='hostdev' managed='yes'>
          <mac address='52:54:00:00:00:09'/>
          <source>
            <address type='pci' domain='0x0000' bus='0x07' slot='0x10' function='0x2'/>
          </source>
        </interface>
        <interface type='user'>
          <mac address='52:54:00:00:00:0a'/>
          <model type='virtio'/>
        </interface>
        <interface type='direct'>
          <mac address='52:54:00:00:00:0b'/>
          <source dev='eno1' mode='bridge'/>
          <model type='virtio'/>
        </interface>
        <graphics type='spice'>
          <listen type='none'/>
        </graphics>
        <graphics type='vnc' port='-1' autoport='yes'/>
        <hostdev mode='subsystem' type='pci' managed='yes'>
          <source>
            <address domain='0x0000' bus='0x06' slot='0x02' function='0x0'/>
          </source>
        </hostdev>
        <hostdev mode='subsystem' type='usb' managed='no'>
          <source>
            <vendor id='0x1234'/>
            <product id='0xbeef'/>
          </source>
        </hostdev>
        <hostdev mode='subsystem' type='mdev' managed='no' model='vfio-pci'>
          <source>
            <address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/>
          </source>
        </hostdev>
        <redirdev bus='usb' type='spicevmc'/>
        <memory model='nvdimm' access='shared'>
          <source>
            <path>/srv/nvdimm.img</path>
          </source>
          <target>
            <size unit='KiB'>524288</size>
            <node>0</node>
          </target>
        </memory>
        <shmem name='frames' role='peer'>
          <model type='ivshmem-plain'/>
          <size unit='M'>4</size>
        </shmem>
        <vsock model='virtio'>
          <cid auto='no' address='42'/>
        </vsock>
      </devices>
      <launchSecurity type='sev'>
        <policy>0x0001</policy>
      </launchSecurity>
      <qemu:commandline>
        <qemu:arg value='-device'/>
        <qemu:arg value='pvpanic,ioport=1285'/>
        <qemu:env name='LANG' value='C'/>
      </qemu:commandline>
    </domain>

    """
}
