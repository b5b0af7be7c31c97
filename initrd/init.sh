#!/bin/sh
# PID 1 of the initrd. It does only what must not be lost when the boot program fails: QuickJS has no execve, and a PID 1
# that ends would panic the kernel. Everything that is decided is decided in boot.js.
export PATH=/usr/sbin:/usr/bin DM_DISABLE_UDEV=1 HOME=/ TERM="${TERM:-linux}"
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs -o mode=755,size=8m tmpfs /run
ln -sf /proc/self/fd /dev/fd

debug_console() {
  echo "metamaster: debug console; Ctrl-D goes on."
  setsid cttyhack sh
}

while :; do
  # A rejected promise counts as unhandled until the first await of it, which is too early to end for; boot.js catches its own.
  qjs --no-unhandled-rejection -m /usr/lib/metamaster/boot.js
  code=$?
  case $code in
    # Its own code for "the root is ready": QuickJS also ends with 0 when a program has nothing left to wait for.
    42)
      # By the path where a link holds no leading slash, which it does not in Debian; else by a program of the root, which costs its loading.
      if [ -x /sysroot/sbin/init ] || chroot /sysroot test -x /sbin/init; then
        for tree in dev run sys proc; do
          [ -d "/sysroot/$tree" ] || mkdir -p "/sysroot/$tree"
          mount -o move "/$tree" "/sysroot/$tree"
        done
        exec switch_root -c /dev/console /sysroot /sbin/init
      fi
      echo "metamaster: MM-BOOT-NO-INIT: /sysroot holds no /sbin/init: the root is not whole. Restore the node, or press a key for the debug console." ;;
    *) echo "metamaster: MM-BOOT-PROGRAM: the boot program ended with code $code; it starts again in 10 s. Press Enter for the debug console." ;;
  esac
  # shellcheck disable=SC3045
  if read -r -t 10 answer; then debug_console; fi
done
