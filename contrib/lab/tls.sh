# shellcheck shell=bash
# The lab's certificates: an authority of its own, and what it has signed for the broker and the hosts. They are there in every
# lab; whether the hosts use them is `up --tls`.

tls_folder() { printf '%s/tls' "$LAB_STATE"; }

# Runs openssl, which says what it does while it does it: only if it fails it is shown.
tls_openssl() {
  local told
  told=$(openssl "$@" 2>&1) || die "openssl $1: $told"
}

# Makes the authority unless it is there.
tls_authority() {
  local folder
  folder=$(tls_folder)
  [[ ! -f $folder/ca.pem ]] || return 0
  mkdir -p "$folder"
  tls_openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
    -subj "/CN=Longshore lab $LAB_NAME" -keyout "$folder/ca.key" -out "$folder/ca.pem.new"
  mv "$folder/ca.pem.new" "$folder/ca.pem"
}

# Has a certificate signed for a name, for servers and for clients alike, unless it is there, and its key be made. libvirt 9.0 wants
# keyEncipherment in it, whatever the key is.
# tls_certificate CERTIFICATE KEY NAME [ALTERNATIVE,…]
tls_certificate() {
  local names=()
  [[ ! -f $1 ]] || return 0
  [[ -z ${4:-} ]] || names=(-addext "subjectAltName=$4")
  mkdir -p "$(dirname -- "$1")" "$(dirname -- "$2")"
  tls_openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=$3" "${names[@]}" \
    -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature,keyEncipherment \
    -addext extendedKeyUsage=serverAuth,clientAuth \
    -CA "$(tls_folder)/ca.pem" -CAkey "$(tls_folder)/ca.key" -keyout "$2" -out "$1.new"
  mv "$1.new" "$1"
}

# What a host shows of itself, where libvirt, QEMU and the agent look for it: tls_host HOST
tls_host() {
  local host=$1 folder pki file
  folder=$(host_folder "$host")
  pki=$folder/etc/pki
  tls_certificate "$pki/libvirt/servercert.pem" "$pki/libvirt/private/serverkey.pem" "$host" "DNS:$host,IP:$(host_address "$host")"
  tls_certificate "$folder/etc/longshore/tls/agent.pem" "$folder/etc/longshore/tls/agent.key" "agent-$host"
  mkdir -p "$pki/CA" "$pki/qemu"
  cp -- "$(tls_folder)/ca.pem" "$pki/CA/cacert.pem"
  cp -- "$(tls_folder)/ca.pem" "$folder/etc/longshore/tls/ca.pem"
  cp -- "$(tls_folder)/ca.pem" "$pki/qemu/ca-cert.pem"
  for file in server client; do
    cp -- "$pki/libvirt/servercert.pem" "$pki/qemu/$file-cert.pem"
    cp -- "$pki/libvirt/private/serverkey.pem" "$pki/qemu/$file-key.pem"
  done
  # The same certificate says of libvirt's client who it is.
  ln -sf servercert.pem "$pki/libvirt/clientcert.pem"
  ln -sf serverkey.pem "$pki/libvirt/private/clientkey.pem"
  # QEMU reads its key as its own user.
  chown "$LAB_QEMU_USER" "$pki"/qemu/*-key.pem
  chmod 600 "$pki"/qemu/*-key.pem
}
