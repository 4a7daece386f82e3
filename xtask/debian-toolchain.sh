#!/usr/bin/env bash
# Makes a Rust toolchain for the WebAssembly targets out of Debian's packages, for machines where rustup cannot fetch them.
# Run by xtask's `guest::toolchain`, which holds the lock, chooses the mode and checks the result.
#
#   debian-toolchain.sh MODE PREFIX RUSTC CARGO
#
#   sources    the machine's own rustc, with `std` built once from Debian's rust-src of the very same release (about a minute)
#   prebuilt   a newer Debian's rustc and its ready-made `std`, run by that Debian's own loader (a larger download)
#
# Both leave PREFIX/bin/rustc, a wrapper that knows its system root. Nothing is installed into the system: packages come from
# the mirror that apt already uses, through a private copy of apt's state, and are only unpacked. Downloads that are complete
# are kept in PREFIX/packages until the end, so that a second try goes on where the first stopped.
set -euo pipefail
mode=$1 prefix=$2 rustc=$3 cargo=$4
targets=(wasm32-wasip1 wasm32-wasip2)
packages=$prefix/packages

say() { printf 'guest toolchain: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

host=$("$rustc" -vV | sed -n 's/^host: //p')
release=$("$rustc" -vV | sed -n 's/^release: //p')
commit=$("$rustc" -vV | sed -n 's/^commit-hash: //p')
toolchain=$("$rustc" --print sysroot)

# --- Debian's packages of another suite, without touching the system's apt ------------------------------------------------

mirror() { # prints the address of the Debian archive that the system's apt uses
  local codename
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v codename="$codename" '$2 == codename && $3 == "main" { print $1; exit }'
}

apt_of() { # suite: prints the path of an apt configuration with a state of its own, its lists fetched
  local suite=$1 state=$prefix/apt/$1 site
  if [ ! -e "$state/complete" ]; then
    site=$(mirror)
    [ -n "$site" ] || { say "apt names no Debian archive to fetch packages from"; return 1; }
    mkdir -p "$state"/{etc/apt.conf.d,etc/preferences.d,etc/sources.list.d,lists/partial,cache/archives/partial}
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$site" "$suite" >"$state/etc/sources.list"
    : >"$state/status"
    cat >"$state/apt.conf" <<CONF
Dir::Etc "$state/etc";
Dir::Etc::sourcelist "$state/etc/sources.list";
Dir::Etc::sourceparts "$state/etc/sources.list.d";
Dir::State "$state";
Dir::State::lists "$state/lists";
Dir::State::status "$state/status";
Dir::Cache "$state/cache";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
    apt-get -c "$state/apt.conf" -qq update >&2 || return 1
    touch "$state/complete"
  fi
  echo "$state/apt.conf"
}

download() { # suite package[=version]...
  local conf
  conf=$(apt_of "$1") || return 1
  mkdir -p "$packages"
  (cd "$packages" && apt-get -c "$conf" -qq download "${@:2}" >&2)
}

package() { # name: the path of its newest downloaded file
  local found
  found=$(find "$packages" -name "$1_*.deb" -printf '%T@ %p\n' | sort -rn | sed -n '1s/^[^ ]* //p')
  [ -n "$found" ] || fail "package $1 was not downloaded"
  echo "$found"
}

wrapper() { # command...: what PREFIX/bin/rustc runs
  mkdir -p "$prefix/bin"
  { printf '#!/bin/sh\nexec'; printf " '%s'" "$@"; printf ' "$@"\n'; } >"$prefix/bin/rustc.new"
  chmod +x "$prefix/bin/rustc.new"
  mv "$prefix/bin/rustc.new" "$prefix/bin/rustc"
}

# --- mode sources ---------------------------------------------------------------------------------------------------------

find_rust_src() { # prints "suite version" of the rust-src that is this rustc's release: another release's does not compile
  local suite conf version
  for suite in trixie-backports trixie forky sid; do
    conf=$(apt_of "$suite") || continue
    version=$(apt-cache -c "$conf" madison rust-src | awk -F' *[|] *' '{ print $2 }' | grep -F -- "$release+" | head -n 1) || true
    if [ -n "$version" ]; then echo "$suite $version"; return; fi
  done
  return 1
}

install_wasi_libc() { # sysroot: the C library and start files, where rustc looks for its own copies
  local suite target from to
  for suite in trixie-backports forky trixie; do
    if download "$suite" wasi-libc; then say "wasi-libc is from $suite"; break; fi
  done
  dpkg -x "$(package wasi-libc)" "$prefix/wasi-libc"
  for target in "${targets[@]}"; do
    from=$prefix/wasi-libc/usr/lib/$target to=$1/lib/rustlib/$target/lib/self-contained
    mkdir -p "$to"
    cp "$from"/crt1-command.o "$from"/crt1-reactor.o "$from"/libc.a "$to/"
  done
}

build_std() { # sysroot
  local sysroot=$1 work=$prefix/std target flags arguments=()
  mkdir -p "$work/src"
  : >"$work/src/lib.rs"
  printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2024"\n[profile.release]\ndebug = 0\ncodegen-units = 1\n[workspace]\n' >"$work/Cargo.toml"
  for target in "${targets[@]}"; do arguments+=(--target "$target"); done
  # Bitcode lets guests use link-time optimisation. The paths of this machine must not reach the guests' bytes.
  flags=(
    -Cembed-bitcode=yes
    "--remap-path-prefix=$sysroot/lib/rustlib/src/rust=/rustc/$commit"
    "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=/cargo"
    "--remap-path-prefix=$work=/std"
  )
  (
    cd "$work"
    export RUSTC=$prefix/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$work/target
    CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f'; echo "${flags[*]}")
    export CARGO_ENCODED_RUSTFLAGS
    "$cargo" build -q --release -Zbuild-std=std,panic_abort,test "${arguments[@]}" >&2
  )
  for target in "${targets[@]}"; do
    cp "$work/target/$target/release/deps/"lib*.rlib "$sysroot/lib/rustlib/$target/lib/"
    rm -f "$sysroot/lib/rustlib/$target/lib/"libempty-*.rlib
  done
  # With its sources there, the compiler would name this machine's copy of them in guests.
  rm -rf "$work" "$sysroot/lib/rustlib/src"
}

sources() {
  local sysroot=$prefix/sysroot suite version found
  found=$(find_rust_src) || fail "no suite of this Debian archive has the sources of Rust $release"
  read -r suite version <<<"$found"
  say "rust-src is $version from $suite"
  download "$suite" "rust-src=$version"
  mkdir -p "$sysroot/lib/rustlib/src/rust"
  dpkg-deb --fsys-tarfile "$(package rust-src)" |
    tar -x -C "$sysroot/lib/rustlib/src/rust" --strip-components=4 "./usr/src/rustc-$release/library"
  ln -sfn "$toolchain/lib/rustlib/$host" "$sysroot/lib/rustlib/$host"
  wrapper "$rustc" --sysroot "$sysroot"
  install_wasi_libc "$sysroot"
  say "building std for ${targets[*]} (about a minute, once)"
  build_std "$sysroot"
}

# --- mode prebuilt --------------------------------------------------------------------------------------------------------

prebuilt() {
  local suite=forky root=$prefix/root conf std library loader names=() name
  case $host in
    x86_64-*) library=x86_64-linux-gnu loader=ld-linux-x86-64.so.2 ;;
    aarch64-*) library=aarch64-linux-gnu loader=ld-linux-aarch64.so.1 ;;
    *) fail "mode prebuilt does not know $host" ;;
  esac
  conf=$(apt_of "$suite")
  std=$(apt-cache -c "$conf" depends libstd-rust-dev | awk '/Depends: libstd-rust-1/ { print $2; exit }')
  names=(rustc libstd-rust-dev libstd-rust-dev-wasm32 "$std" libc6)
  # What the compiler's own library links to: LLVM, and what that needs.
  names+=($(apt-cache -c "$conf" depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances "$std" | grep -E '^lib[a-z0-9.+-]+$' | sort -u))
  say "compiler and std are from $suite: $(apt-cache -c "$conf" show rustc | sed -n 's/^Version: //p' | head -n 1)"
  download "$suite" $(printf '%s\n' "${names[@]}" | sort -u)
  for name in $(printf '%s\n' "${names[@]}" | sort -u); do dpkg -x "$(package "$name")" "$root"; done
  mkdir -p "$root/usr/lib/rustlib/$host/bin"
  for name in rust-lld wasm-component-ld; do
    ln -sfn "$toolchain/lib/rustlib/$host/bin/$name" "$root/usr/lib/rustlib/$host/bin/$name"
  done
  library=$root/usr/lib/$library
  wrapper "$library/$loader" --library-path "$library" --argv0 "$root/usr/bin/rustc" "$root/usr/bin/rustc" --sysroot "$root/usr"
}

for tool in apt-get apt-cache dpkg dpkg-deb tar; do
  command -v "$tool" >/dev/null || fail "$tool is not there: this route is for Debian"
done
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd) packages=$prefix/packages
rm -rf "$prefix/bin" "$prefix/sysroot" "$prefix/root" "$prefix/std" "$prefix/wasi-libc"
case $mode in
  sources | prebuilt) "$mode" ;;
  *) fail "unknown mode $mode" ;;
esac
rm -rf "$prefix/apt" "$packages" "$prefix/wasi-libc"
