extension Fixture {
  /// A running guest as libvirt writes it: a linked clone with a listed chain and a running mirror, a full clone, a CD-ROM,
  /// firmware variables, an emulated TPM, huge pages, NUMA, consoles and foreign metadata.
  static let live = """
    <domain type='kvm' id='7'>
      <name>web-01</name>
      <uuid>3f1c9f6e-5d0a-4b6e-9a55-0d3c5f1b7a01</uuid>
      <title>Web server &amp; cache</title>
      <description>Customer &quot;A&quot;: &lt;production&gt;</description>
      <metadata>
        <libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0">
          <libosinfo:os id="http://debian.org/debian/12"/>
        </libosinfo:libosinfo>
      </metadata>
      <memory unit='KiB'>4194304</memory>
      <currentMemory unit='KiB'>2097152</currentMemory>
      <memoryBacking>
        <hugepages/>
        <locked/>
        <source type='memfd'/>
        <access mode='shared'/>
      </memoryBacking>
      <vcpu placement='static' current='2'>4</vcpu>
      <cputune>
        <shares>2000</shares>
        <vcpupin vcpu='0' cpuset='1'/>
      </cputune>
      <numatune>
        <memory mode='strict' nodeset='0-1'/>
      </numatune>
      <resource>
        <partition>/machine</partition>
      </resource>
      <os>
        <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
        <loader readonly='yes' secure='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.ms.fd</loader>
        <nvram template='/usr/share/OVMF/OVMF_VARS_4M.ms.fd'>/var/lib/libvirt/qemu/nvram/web-01_VARS.fd</nvram>
        <boot dev='hd'/>
      </os>
      <features>
        <acpi/>
        <apic/>
        <smm state='on'/>
      </features>
      <cpu mode='custom' match='exact' check='full'>
        <model fallback='forbid'>Skylake-Client-IBRS</model>
        <vendor>Intel</vendor>
        <feature policy='require' name='vmx'/>
        <feature policy='disable' name='hle'/>
        <numa>
          <cell id='0' cpus='0-1' memory='2097152' unit='KiB'/>
          <cell id='1' cpus='2-3' memory='2097152' unit='KiB'/>
        </numa>
      </cpu>
      <clock offset='utc'>
        <timer name='rtc' tickpolicy='catchup'/>
      </clock>
      <on_poweroff>destroy</on_poweroff>
      <on_reboot>restart</on_reboot>
      <on_crash>destroy</on_crash>
      <devices>
        <emulator>/usr/bin/qemu-system-x86_64</emulator>
        <disk type='file' device='disk'>
          <driver name='qemu' type='qcow2' cache='none' discard='unmap'/>
          <source file='/mnt/pools/primary/web-01-root.qcow2' startupPolicy='mandatory' index='3'>
            <seclabel model='dac' relabel='no'/>
          </source>
          <backingStore type='file' index='4'>
            <format type='qcow2'/>
            <source file='/mnt/pools/primary/web-base.qcow2'>
              <seclabel model='dac' relabel='no'/>
            </source>
            <backingStore type='file' index='5'>
              <format type='raw'/>
              <source file='/mnt/pools/primary/templates/debian-12.img'/>
              <backingStore/>
            </backingStore>
          </backingStore>
          <mirror type='file' file='/mnt/pools/other/copy.qcow2' format='qcow2' job='copy' ready='yes'>
            <format type='qcow2'/>
            <source file='/mnt/pools/other/copy.qcow2'/>
          </mirror>
          <target dev='vda' bus='virtio'/>
          <serial>WEB01ROOT</serial>
          <alias name='virtio-disk0'/>
          <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
        </disk>
        <disk type='file' device='disk'>
          <driver name='qemu' type='raw'/>
          <source file='/mnt/pools/primary/web-01-data.img' index='2'/>
          <backingStore/>
          <target dev='vdaa' bus='virtio'/>
          <alias name='virtio-disk26'/>
        </disk>
        <disk type='file' device='cdrom'>
          <driver name='qemu' type='raw'/>
          <source file='/mnt/iso/debian-12.iso' startupPolicy='optional'/>
          <target dev='sda' bus='sata'/>
          <readonly/>
          <alias name='sata0-0-0'/>
        </disk>
        <controller type='usb' index='0' model='qemu-xhci' ports='15'>
          <alias name='usb'/>
        </controller>
        <interface type='network'>
          <mac address='52:54:00:12:34:56'/>
          <source network='tenants' portgroup='blue' portid='b4ad0f61-6e3d-4f3c-9a6e-0d9f6a4d1c11' bridge='virbr7'/>
          <target dev='vnet3'/>
          <model type='virtio'/>
          <alias name='net0'/>
        </interface>
        <interface type='bridge'>
          <mac address='52:54:00:AB:CD:EF'/>
          <source bridge='br0'/>
          <virtualport type='openvswitch'>
            <parameters interfaceid='09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'/>
          </virtualport>
          <target dev='vnet4'/>
          <model type='virtio'/>
          <alias name='net1'/>
        </interface>
        <serial type='pty'>
          <source path='/dev/pts/4'/>
          <log file='/var/log/libvirt/web-01-serial.log' append='on'/>
          <target type='isa-serial' port='0'>
            <model name='isa-serial'/>
          </target>
          <alias name='serial0'/>
        </serial>
        <console type='pty' tty='/dev/pts/4'>
          <source path='/dev/pts/4'/>
          <target type='serial' port='0'/>
          <alias name='serial0'/>
        </console>
        <channel type='unix'>
          <source mode='bind' path='/run/libvirt/qemu/channel/7-web-01/org.qemu.guest_agent.0'/>
          <target type='virtio' name='org.qemu.guest_agent.0' state='connected'/>
          <alias name='channel0'/>
        </channel>
        <tpm model='tpm-crb'>
          <backend type='emulator' version='2.0'/>
          <alias name='tpm0'/>
        </tpm>
        <graphics type='vnc' port='5907' autoport='yes' websocket='5700' listen='192.0.2.11' keymap='de'>
          <listen type='address' address='192.0.2.11'/>
        </graphics>
        <graphics type='spice' port='5908' tlsPort='5909' autoport='yes'>
          <listen type='network' network='tenants' address='198.51.100.1'/>
        </graphics>
        <video>
          <model type='virtio' heads='1' primary='yes'/>
        </video>
        <memballoon model='virtio'>
          <alias name='balloon0'/>
        </memballoon>
        <rng model='virtio'>
          <backend model='random'>/dev/urandom</backend>
          <alias name='rng0'/>
        </rng>
      </devices>
      <seclabel type='dynamic' model='apparmor' relabel='yes'>
        <label>libvirt-3f1c9f6e-5d0a-4b6e-9a55-0d3c5f1b7a01</label>
        <imagelabel>libvirt-3f1c9f6e-5d0a-4b6e-9a55-0d3c5f1b7a01</imagelabel>
      </seclabel>
    </domain>

    """
}
