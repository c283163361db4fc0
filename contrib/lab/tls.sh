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
  : >"$folder/index.txt"
  cat >"$folder/ca.conf" <<END
[ca]
default_ca = lab
[lab]
database = $folder/index.txt
new_certs_dir = $folder
rand_serial = yes
unique_subject = no
default_md = sha256
copy_extensions = copy
policy = any
[any]
commonName = supplied
END
  tls_key "$folder/ca.key" "Longshore lab $LAB_NAME" "$folder/ca.request" basicConstraints=critical,CA:TRUE \
    keyUsage=critical,keyCertSign
  tls_sign "$folder/ca.request" "$folder/ca.pem" -selfsign
}

# Makes a key, and the request for a certificate of a name for it: tls_key KEY NAME REQUEST EXTENSION…
tls_key() {
  local key=$1 name=$2 request=$3 extensions=() extension
  shift 3
  for extension; do
    extensions+=(-addext "$extension")
  done
  tls_openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" "${extensions[@]}" \
    -keyout "$key" -out "$request"
}

# Signs a request. What is signed was valid before the lab was made, since tests put clocks back: tls_sign REQUEST CERTIFICATE [OPTION…]
tls_sign() {
  tls_openssl ca -batch -notext -config "$(tls_folder)/ca.conf" -keyfile "$(tls_folder)/ca.key" -in "$1" -out "$2.new" \
    -startdate 20200101000000Z -enddate 20991231235959Z "${@:3}"
  mv "$2.new" "$2"
  rm "$1"
}

# Has a certificate signed for a name, for servers and for clients alike, unless it is there, and its key be made. libvirt 9.0 wants
# keyEncipherment in it, whatever the key is: tls_certificate CERTIFICATE KEY NAME [ALTERNATIVE,…]
tls_certificate() {
  [[ ! -f $1 ]] || return 0
  mkdir -p "$(dirname -- "$1")" "$(dirname -- "$2")"
  tls_key "$2" "$3" "$1.request" basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature,keyEncipherment \
    extendedKeyUsage=serverAuth,clientAuth ${4:+"subjectAltName=$4"}
  tls_sign "$1.request" "$1" -cert "$(tls_folder)/ca.pem"
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
