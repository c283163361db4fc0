/// Domain definitions that the tests read. They have the form of libvirt's own output, line feed at the end included.
enum Fixture {}
