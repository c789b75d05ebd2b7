# Sourced by the scripts beside it: says at once, in one line, which tools this machine lacks and how to
# get them. Changes nothing.

# require TOOL...: ends the script where one of them is missing.
require() {
  local tool missing=() packages=() rust=0 as_root=0
  for tool in "$@"; do
    has "$tool" && continue
    missing+=("$tool")
    case $tool in
      cargo) rust=1 ;;
      rustfmt | clippy) rust=1 ;;
      cc) packages+=(build-essential) ;;
      chromedriver) packages+=(chromium-driver) ;;
      python3 | python3-venv) packages+=(python3 python3-venv) ;;
      ip) packages+=(iproute2) ;;
      strip) packages+=(binutils) ;;
      update-ca-certificates) packages+=(ca-certificates) ;;
      root) as_root=1 ;;
      *) packages+=("$tool") ;;
    esac
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local how=()
  [ $rust -eq 1 ] && how+=("install Rust $(rust_version) or newer with rustup (components rustfmt and clippy)")
  [ ${#packages[@]} -gt 0 ] && how+=("sudo apt-get install $(printf '%s\n' "${packages[@]}" | sort -u | paste -sd ' ' -)")
  [ $as_root -eq 1 ] && how+=("run it as root: tests/tests/guide_deploy boots hosts in namespaces")
  local lacking steps
  lacking=$(printf ', %s' "${missing[@]}")
  steps=$(printf '; %s' "${how[@]}")
  echo "${0##*/}: this machine lacks ${lacking#, }. To get it: ${steps#; }" >&2
  exit 1
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
