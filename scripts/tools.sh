# Sourced by the scripts beside it: sees to it that the tools they need are there. Debian packages are
# installed where this is root; else one line says at once what is missing and how to get it.

# require TOOL...: ends the script where one of them is missing and cannot be installed.
require() {
  local missing=() packages=() how=()
  look_for "$@"
  if [ ${#packages[@]} -gt 0 ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "${0##*/}: installing ${packages[*]}" >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
      "${packages[@]}" >/dev/null || true
    look_for "$@"
  fi
  [ ${#missing[@]} -eq 0 ] && return 0
  [ ${#packages[@]} -gt 0 ] && how+=("sudo apt-get install ${packages[*]}")
  local lacking steps
  lacking=$(printf ', %s' "${missing[@]}")
  steps=$(printf '; %s' "${how[@]}")
  echo "${0##*/}: this machine lacks ${lacking#, }. To get it: ${steps#; }" >&2
  exit 1
}

# look_for TOOL...: fills missing, the packages that bring them, and how to get what no package brings.
look_for() {
  local tool rust=0
  missing=() packages=() how=()
  for tool in "$@"; do
    has "$tool" && continue
    missing+=("$tool")
    case $tool in
      cargo | rustfmt | clippy) rust=1 ;;
      cc) packages+=(build-essential) ;;
      python3 | python3-venv) packages+=(python3 python3-venv) ;;
      chromedriver) packages+=(chromium-driver) ;;
      ip) packages+=(iproute2) ;;
      strip) packages+=(binutils) ;;
      update-ca-certificates) packages+=(ca-certificates) ;;
      root) how+=("run it as root: tests/tests/guide_deploy boots hosts in namespaces") ;;
      *) packages+=("$tool") ;;
    esac
  done
  if [ $rust -eq 1 ]; then
    how+=("install Rust $(rust_version) or newer with rustup (components rustfmt and clippy)")
  fi
  if [ ${#packages[@]} -gt 0 ]; then
    mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
  fi
}

# The Rust version that the workspace asks for.
rust_version() {
  sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml
}

has() {
  case $1 in
    cargo) command -v cargo >/dev/null && is_new_enough "$(rustc --version 2>/dev/null | cut -d ' ' -f 2)" ;;
    rustfmt) cargo fmt --version >/dev/null 2>&1 ;;
    clippy) cargo clippy --version >/dev/null 2>&1 ;;
    python3) python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ;;
    systemd) test -x /lib/systemd/systemd ;;
    root) [ "$(id -u)" -eq 0 ] ;;
    python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

# is_new_enough VERSION: whether it is not older than what the workspace asks for.
is_new_enough() {
  [ -n "$1" ] && [ "$(printf '%s\n' "$(rust_version)" "$1" | sort -V | head -n 1)" = "$(rust_version)" ]
}
