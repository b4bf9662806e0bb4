/* What a hostile step tries. Prints "ok NAME" for each that was refused, "THROUGH NAME" for each that was not.
 * Compiled statically by the tests. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#define SYS_fsopen 430
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#endif

/* -1 with one of these errors is a refusal. */
static void refused(const char *name, long answer)
{
	int error = errno;
	int ok = answer == -1 && (error == EPERM || error == EACCES || error == ENOSYS || error == EROFS ||
				  error == ESRCH || error == ENXIO || error == ENOTTY || error == ENOENT ||
				  error == ECONNREFUSED || error == EAFNOSUPPORT || error == EIO);
	printf("%s %s (%s)\n", ok ? "ok" : "THROUGH", name, answer == -1 ? strerror(error) : "done");
	fflush(stdout);
}

static int writes(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	int answer = fd < 0 ? -1 : (int)write(fd, text, strlen(text));
	int error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return answer < 0 ? -1 : 0;
}

static char stack[65536];
static int nothing(void *unused)
{
	return 0;
}

int main(void)
{
	int fd, pid;
	char buffer[64];
	struct stat status;
	struct sockaddr_un abstract = { .sun_family = AF_UNIX, .sun_path = "\0/tmp/.X11-unix/X0" };
	unsigned long long clone_args[11] = { CLONE_NEWUSER };

	mkdir("/tmp/p", 0700);
	/* Mounts. */
	refused("mount tmpfs", mount("none", "/tmp/p", "tmpfs", 0, NULL));
	refused("mount proc", mount("none", "/tmp/p", "proc", 0, NULL));
	refused("mount overlay", mount("none", "/tmp/p", "overlay", 0, "lowerdir=/:/tmp"));
	refused("mount cgroup v1", mount("none", "/tmp/p", "cgroup", 0, "memory"));
	refused("mount cgroup v2", mount("none", "/tmp/p", "cgroup2", 0, NULL));
	refused("bind /", mount("/", "/tmp/p", NULL, MS_BIND | MS_REC, NULL));
	refused("remount / writable", mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL));
	refused("umount a mask", umount2("/proc/kcore", MNT_DETACH));
	refused("umount /proc/sys", umount2("/proc/sys", MNT_DETACH));
	refused("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
	refused("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1));
	refused("move_mount", syscall(SYS_move_mount, AT_FDCWD, "/proc", AT_FDCWD, "/tmp/p", 0));
	refused("mount_setattr", syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, buffer, 32));
	refused("pivot_root", syscall(SYS_pivot_root, "/tmp", "/tmp/p"));
	/* Namespaces. */
	refused("unshare user", unshare(CLONE_NEWUSER));
	refused("unshare mount", unshare(CLONE_NEWNS));
	refused("unshare net", unshare(CLONE_NEWNET));
	refused("unshare cgroup", unshare(0x02000000));
	refused("unshare time", unshare(0x80));
	pid = clone(nothing, stack + sizeof stack, CLONE_NEWUSER | SIGCHLD, NULL);
	refused("clone user", pid);
	clone_args[4] = SIGCHLD;
	pid = syscall(SYS_clone3, clone_args, 64);
	if (pid == 0)
		_exit(0);
	refused("clone3 user", pid);
	fd = open("/proc/1/ns/mnt", O_RDONLY);
	refused("pid 1's mount namespace", fd < 0 ? -1 : setns(fd, 0));
	refused("setns of nothing", setns(-1, CLONE_NEWNS) == -1 && errno == EBADF ? 0 : -1);
	/* The machine. */
	refused("write core_pattern", writes("/proc/sys/kernel/core_pattern", "|/tmp/x"));
	refused("write modprobe", writes("/proc/sys/kernel/modprobe", "/tmp/x"));
	refused("sysrq", writes("/proc/sysrq-trigger", "h"));
	refused("write uevent_helper", writes("/sys/kernel/uevent_helper", "/tmp/x"));
	refused("sethostname", sethostname("x", 1));
	refused("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0));
	refused("init_module", syscall(SYS_init_module, buffer, 0, ""));
	refused("finit_module", syscall(SYS_finit_module, 0, "", 0));
	refused("settimeofday", syscall(SYS_clock_settime, 0, buffer));
	refused("syslog", syscall(SYS_syslog, 3, buffer, sizeof buffer));
	refused("reboot", syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL));
	refused("swapon", syscall(SYS_swapon, "/tmp/x", 0));
	refused("quotactl", syscall(SYS_quotactl, 0x80000700, NULL, 0, NULL));
	/* Devices. */
	refused("mknod block", mknod("/tmp/p/block", S_IFBLK | 0600, makedev(8, 0)));
	refused("mknod mem", mknod("/tmp/p/mem", S_IFCHR | 0600, makedev(1, 1)));
	refused("chmod /dev/null", chmod("/dev/null", 0777));
	/* With one id it is said to have been done; what counts is that it was not. */
	lchown("/dev/zero", 12, 12);
	refused("chown /dev/zero", stat("/dev/zero", &status) == 0 && status.st_uid != 12 ? (errno = EPERM, -1) : 0);
	refused("open /dev/tty", open("/dev/tty", O_RDWR));
	refused("open /proc/kcore", (fd = open("/proc/kcore", O_RDONLY)) < 0 || read(fd, buffer, 1) != 1 ? (errno = EPERM, -1) : 0);
	refused("TIOCSTI", ioctl(0, TIOCSTI, "x"));
#ifdef __x86_64__
	refused("iopl", syscall(SYS_iopl, 3));
#endif
	/* Other processes. */
	refused("ptrace pid 1", ptrace(PTRACE_ATTACH, 1, NULL, NULL));
	refused("read pid 1's memory", open("/proc/1/mem", O_RDONLY));
	refused("pid 1's root", open("/proc/1/root/etc", O_RDONLY));
	refused("pid 1's exe", open("/proc/1/exe", O_RDONLY));
	refused("pid 1's exe for writing", open("/proc/1/exe", O_WRONLY));
	refused("pid 1's environ", (fd = open("/proc/1/environ", O_RDONLY)) < 0 ? -1 : (int)read(fd, buffer, 64));
	refused("pid 1's fds", open("/proc/1/fd/3", O_RDONLY));
	refused("kcmp", syscall(SYS_kcmp, 1, 1, 0, 0, 0));
	refused("pidfd_getfd", syscall(438, 0, 0, 0));
	/* Killing pid 1 succeeds and does nothing; that we go on is the proof. */
	kill(1, SIGKILL);
	kill(1, SIGSTOP);
	/* Corners of the kernel. */
	refused("keyctl", syscall(SYS_keyctl, 0, -3, 0));
	refused("add_key", syscall(SYS_add_key, "user", "x", "y", 1, -3));
	refused("bpf", syscall(SYS_bpf, 0, buffer, 48));
	refused("perf_event_open", syscall(SYS_perf_event_open, buffer, 0, -1, -1, 0));
	refused("userfaultfd", syscall(SYS_userfaultfd, 0));
	refused("io_uring", syscall(SYS_io_uring_setup, 1, buffer));
	refused("fanotify", syscall(SYS_fanotify_init, 0, 0));
	refused("open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, buffer, 0));
	refused("personality", personality(ADDR_NO_RANDOMIZE));
	refused("a call of tomorrow", syscall(999));
	/* Sockets. */
	refused("AF_PACKET", socket(AF_PACKET, SOCK_RAW, 0));
	refused("AF_VSOCK", socket(40, SOCK_STREAM, 0));
	refused("AF_ALG", socket(38, SOCK_SEQPACKET, 0));
	refused("AF_KEY", socket(15, SOCK_RAW, 2));
	refused("AF_BLUETOOTH", socket(31, SOCK_RAW, 1));
	refused("AF_XDP", socket(44, SOCK_RAW, 0));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	refused("an abstract socket of the host", connect(fd, (struct sockaddr *)&abstract, sizeof abstract));
	return 0;
}
