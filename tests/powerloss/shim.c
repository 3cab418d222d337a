/*
 * Records what a process does to the files under one folder, so that a harness can later put the folder into a state
 * that a power loss could have left. Preloaded into the node; changes nothing that the node sees.
 *
 *   PERVADE_POWERLOSS_ROOT    folder to watch (absolute, no link in it)
 *   PERVADE_POWERLOSS_SIDE    folder beside it, on the same file system: `events` is appended to, and files that are
 *                             unlinked or replaced stay there under their inode number
 *   PERVADE_POWERLOSS_IGNORE  pattern (fnmatch) of paths relative to the root whose syncs are not recorded: as if the
 *                             node had not asked for them
 *
 * A change is recorded before it is done, both under one lock, with the bytes that it overwrites. A sync is recorded when
 * it begins and when it has ended: it covers the changes that stand before its beginning. Writes through a shared mapping
 * are not seen; asking for such a mapping is recorded as unsupported and fails the test.
 *
 * A record: magic u32, kind u32, inode u64, offset u64, length u64, size u64, bytes of a u32, bytes of b u32, a, b;
 * in the byte order of the machine.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE = 1, RESIZE, SYNC_BEGIN, SYNC_END, CREATE, RENAME, UNLINK, MKDIR, RMDIR, LINK, DIR_SYNC_BEGIN, DIR_SYNC_END, UNSUPPORTED };

struct record {
    uint32_t magic, kind;
    uint64_t inode, offset, length, size;
    uint32_t a_bytes, b_bytes;
};

#define MAGIC 0x50574c53u
#define PATH_BYTES 4096
/* Files opened in one run: data directories of tests have some hundreds. Power of two. */
#define FILES_MAX (1u << 16)
/* Longest overwrite whose old bytes are kept. */
#define OLD_BYTES_MAX (8u << 20)

static char root[PATH_BYTES], side[PATH_BYTES], ignored[PATH_BYTES];
static size_t root_bytes;
static int events = -1;
static dev_t device;
static uint64_t files[FILES_MAX];
static uint64_t syncs;
static char old_bytes[OLD_BYTES_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void stop(const char *what) {
    fprintf(stderr, "power-loss shim: %s: %s\n", what, strerror(errno));
    _exit(99);
}

__attribute__((constructor)) static void begin(void) {
    const char *r = getenv("PERVADE_POWERLOSS_ROOT"), *s = getenv("PERVADE_POWERLOSS_SIDE"), *i = getenv("PERVADE_POWERLOSS_IGNORE");
    struct stat status;
    char name[PATH_BYTES + 16];
    if (!r || !s) return;
    snprintf(root, sizeof root, "%s", r);
    snprintf(side, sizeof side, "%s", s);
    snprintf(ignored, sizeof ignored, "%s", i ? i : "");
    snprintf(name, sizeof name, "%s/events", side);
    events = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (events < 0 || fstat(events, &status) != 0) stop(name);
    device = status.st_dev;
    root_bytes = strlen(root);
}

static void record(uint32_t kind, uint64_t inode, uint64_t offset, uint64_t length, uint64_t size, const void *a, uint32_t a_bytes, const char *b) {
    struct record head = {MAGIC, kind, inode, offset, length, size, a_bytes, b ? strlen(b) : 0};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)a, a_bytes}, {(void *)b, head.b_bytes}};
    size_t bytes = sizeof head + a_bytes + head.b_bytes;
    if (syscall(SYS_writev, events, parts, 3) != (long)bytes) stop("events");
}

static void record_path(uint32_t kind, uint64_t inode, const char *a, const char *b) {
    record(kind, inode, 0, 0, 0, a, strlen(a), b);
}

static void remember(uint64_t inode) {
    uint32_t at = (uint32_t)(inode * 0x9e3779b97f4a7c15ull >> 48) & (FILES_MAX - 1);
    for (uint32_t tries = 0; tries < FILES_MAX; tries++, at = (at + 1) & (FILES_MAX - 1)) {
        if (files[at] == inode) return;
        if (files[at] == 0) {
            files[at] = inode;
            return;
        }
    }
    errno = ENFILE;
    stop("too many files");
}

static int remembered(uint64_t inode) {
    uint32_t at = (uint32_t)(inode * 0x9e3779b97f4a7c15ull >> 48) & (FILES_MAX - 1);
    for (; files[at] != 0; at = (at + 1) & (FILES_MAX - 1))
        if (files[at] == inode) return 1;
    return 0;
}

/* The regular file behind a descriptor, if it is one of ours. Call with the lock held. */
static int ours(int fd, struct stat *status) {
    return events >= 0 && fstat(fd, status) == 0 && S_ISREG(status->st_mode) && status->st_dev == device && remembered(status->st_ino);
}

/* Absolute path of (folder, name) if it is the root or below it. */
static int below(int folder, const char *name, char *path) {
    char whole[2 * PATH_BYTES];
    size_t from = 0, to = 0;
    if (events < 0 || !name) return 0;
    if (name[0] == '/') {
        snprintf(whole, sizeof whole, "%s", name);
    } else {
        char link[64], base[PATH_BYTES];
        ssize_t bytes;
        snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
        bytes = readlink(link, base, sizeof base - 1);
        if (bytes < 0) return 0;
        base[bytes] = 0;
        snprintf(whole, sizeof whole, "%s/%s", base, name);
    }
    /* `//` and `/./` mean `/`; the node uses no `..`. */
    for (; whole[from] && to < PATH_BYTES - 1; from++) {
        if (whole[from] == '/' && whole[from + 1] == '/') continue;
        if (whole[from] == '/' && whole[from + 1] == '.' && whole[from + 2] == '/') {
            from++;
            continue;
        }
        path[to++] = whole[from];
    }
    while (to > 1 && path[to - 1] == '/') to--;
    path[to] = 0;
    return strncmp(path, root, root_bytes) == 0 && (path[root_bytes] == '/' || path[root_bytes] == 0);
}

/* Keeps the file that is about to lose this name. Returns its inode, 0 if there is none. */
static uint64_t keep(const char *path) {
    struct stat status;
    char name[PATH_BYTES + 32];
    if (syscall(SYS_newfstatat, AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) return 0;
    snprintf(name, sizeof name, "%s/%llu", side, (unsigned long long)status.st_ino);
    if (syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, name, 0) != 0 && errno != EEXIST) stop(name);
    return status.st_ino;
}

/* Records that [offset, offset + length) will be written. */
static void will_write(int fd, const struct stat *status, uint64_t offset, uint64_t length) {
    uint64_t size = status->st_size, overlap = 0;
    if (length == 0) return;
    if (offset < size) overlap = size - offset < length ? size - offset : length;
    if (overlap > OLD_BYTES_MAX) {
        record_path(UNSUPPORTED, status->st_ino, "an overwrite that is too long", NULL);
        return;
    }
    if (overlap) {
        /* The descriptor may be for writing only. */
        char name[64];
        int reader;
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        reader = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC, 0);
        if (reader < 0 || syscall(SYS_pread64, reader, old_bytes, overlap, offset) != (long)overlap) stop("old bytes");
        syscall(SYS_close, reader);
    }
    record(WRITE, status->st_ino, offset, length, size, old_bytes, overlap, NULL);
}

static void will_resize(const char *name, const struct stat *status, uint64_t size) {
    uint64_t before = status->st_size, cut = before > size ? before - size : 0;
    if (before == size) return;
    if (cut > OLD_BYTES_MAX) {
        record_path(UNSUPPORTED, status->st_ino, "a truncation that is too long", NULL);
        return;
    }
    if (cut) {
        int reader = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC, 0);
        if (reader < 0 || syscall(SYS_pread64, reader, old_bytes, cut, size) != (long)cut) stop("cut bytes");
        syscall(SYS_close, reader);
    }
    record(RESIZE, status->st_ino, before, size, before, old_bytes, cut, NULL);
}

static uint64_t position(int fd, const struct stat *status) {
    return fcntl(fd, F_GETFL) & O_APPEND ? (uint64_t)status->st_size : (uint64_t)lseek(fd, 0, SEEK_CUR);
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

/* ---- opening ---- */

static int open_at(int folder, const char *name, int flags, mode_t mode) {
    char path[PATH_BYTES];
    struct stat status;
    int fd, existed, saved;
    if (!below(folder, name, path) || (flags & (O_PATH | O_DIRECTORY))) return syscall(SYS_openat, folder, name, flags, mode);
    pthread_mutex_lock(&lock);
    existed = syscall(SYS_newfstatat, AT_FDCWD, path, &status, 0) == 0;
    if (existed && (flags & O_TRUNC) && !(flags & O_EXCL) && S_ISREG(status.st_mode)) will_resize(path, &status, 0);
    fd = syscall(SYS_openat, folder, name, flags, mode);
    saved = errno;
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        remember(status.st_ino);
        if (!existed) record_path(CREATE, status.st_ino, path, NULL);
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return fd;
}

#define MODE_OF(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *name, int flags, ...) { MODE_OF(flags) return open_at(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE_OF(flags) return open_at(AT_FDCWD, name, flags | O_LARGEFILE, mode); }
int openat(int folder, const char *name, int flags, ...) { MODE_OF(flags) return open_at(folder, name, flags, mode); }
int openat64(int folder, const char *name, int flags, ...) { MODE_OF(flags) return open_at(folder, name, flags | O_LARGEFILE, mode); }
int creat(const char *name, mode_t mode) { return open_at(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *name, mode_t mode) { return open_at(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* ---- contents ---- */

#define CHANGE(call, offset_of, length_of) \
    struct stat status; \
    long done; \
    int saved; \
    pthread_mutex_lock(&lock); \
    if (ours(fd, &status)) will_write(fd, &status, offset_of, length_of); \
    done = call; \
    saved = errno; \
    pthread_mutex_unlock(&lock); \
    errno = saved; \
    return done

static uint64_t total(const struct iovec *parts, int count) {
    uint64_t bytes = 0;
    for (int i = 0; i < count; i++) bytes += parts[i].iov_len;
    return bytes;
}

static int is_file(int fd) {
    /* Sockets and pipes must not wait for the lock. */
    struct stat status;
    return events >= 0 && fd != events && fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!is_file(fd)) return syscall(SYS_write, fd, bytes, length);
    CHANGE(syscall(SYS_write, fd, bytes, length), position(fd, &status), length);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (!is_file(fd)) return syscall(SYS_writev, fd, parts, count);
    CHANGE(syscall(SYS_writev, fd, parts, count), position(fd, &status), total(parts, count));
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    CHANGE(syscall(SYS_pwrite64, fd, bytes, length, offset), (uint64_t)offset, length);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite64(fd, bytes, length, offset); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    CHANGE(syscall(SYS_pwritev, fd, parts, count, offset, 0), (uint64_t)offset, total(parts, count));
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev64(fd, parts, count, offset); }

int ftruncate64(int fd, off64_t size) {
    struct stat status;
    char name[64];
    int done, saved;
    pthread_mutex_lock(&lock);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    if (ours(fd, &status)) will_resize(name, &status, size);
    done = syscall(SYS_ftruncate, fd, size);
    saved = errno;
    pthread_mutex_unlock(&lock);
    errno = saved;
    return done;
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
    struct stat status;
    int done, saved;
    pthread_mutex_lock(&lock);
    if (ours(fd, &status)) {
        if (mode == 0 && offset + length > status.st_size) record(RESIZE, status.st_ino, status.st_size, offset + length, status.st_size, NULL, 0, NULL);
        if (mode & ~FALLOC_FL_KEEP_SIZE) record_path(UNSUPPORTED, status.st_ino, "fallocate that changes bytes", NULL);
    }
    done = syscall(SYS_fallocate, fd, mode, offset, length);
    saved = errno;
    pthread_mutex_unlock(&lock);
    errno = saved;
    return done;
}
int fallocate(int fd, int mode, off_t offset, off_t length) { return fallocate64(fd, mode, offset, length); }
int posix_fallocate64(int fd, off64_t offset, off64_t length) { return fallocate64(fd, 0, offset, length) == 0 ? 0 : errno; }
int posix_fallocate(int fd, off_t offset, off_t length) { return posix_fallocate64(fd, offset, length); }

/* Callers fall back to read and write. */
ssize_t copy_file_range(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t length, unsigned flags) {
    struct stat status;
    int mine;
    pthread_mutex_lock(&lock);
    mine = ours(out, &status);
    pthread_mutex_unlock(&lock);
    if (mine) {
        errno = ENOSYS;
        return -1;
    }
    return syscall(SYS_copy_file_range, in, in_offset, out, out_offset, length, flags);
}
ssize_t sendfile64(int out, int in, off64_t *offset, size_t count) {
    struct stat status;
    int mine;
    pthread_mutex_lock(&lock);
    mine = ours(out, &status);
    pthread_mutex_unlock(&lock);
    if (mine) {
        errno = EINVAL;
        return -1;
    }
    return syscall(SYS_sendfile, out, in, offset, count);
}
ssize_t sendfile(int out, int in, off_t *offset, size_t count) { return sendfile64(out, in, offset, count); }

void *mmap64(void *at, size_t length, int protection, int flags, int fd, off64_t offset) {
    /* The allocator maps memory before this library is set up: no lock unless it is a writable view of a file. */
    if (fd >= 0 && (flags & MAP_SHARED) && (protection & PROT_WRITE)) {
        struct stat status;
        pthread_mutex_lock(&lock);
        if (ours(fd, &status)) record_path(UNSUPPORTED, status.st_ino, "a writable shared mapping", NULL);
        pthread_mutex_unlock(&lock);
    }
    return (void *)syscall(SYS_mmap, at, length, protection, flags, fd, offset);
}
void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) { return mmap64(at, length, protection, flags, fd, offset); }

/* ---- syncs ---- */

static int is_ignored(int fd, char *path) {
    char link[64];
    ssize_t bytes;
    const char *name;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    bytes = readlink(link, path, PATH_BYTES - 1);
    if (bytes < 0) return 1;
    path[bytes] = 0;
    if (strncmp(path, root, root_bytes) != 0) return 1;
    name = path[root_bytes] == '/' ? path + root_bytes + 1 : ".";
    return ignored[0] && fnmatch(ignored, name, 0) == 0;
}

static int sync_fd(int fd, long number) {
    struct stat status;
    char path[PATH_BYTES];
    uint64_t token = 0;
    int done, saved, folder = 0;
    pthread_mutex_lock(&lock);
    if (events >= 0 && fstat(fd, &status) == 0) {
        folder = S_ISDIR(status.st_mode);
        if ((folder || ours(fd, &status)) && !is_ignored(fd, path)) {
            token = ++syncs;
            record(folder ? DIR_SYNC_BEGIN : SYNC_BEGIN, status.st_ino, token, 0, 0, path, strlen(path), NULL);
        }
    }
    pthread_mutex_unlock(&lock);
    done = syscall(number, fd);
    saved = errno;
    if (token && done == 0) {
        pthread_mutex_lock(&lock);
        record(folder ? DIR_SYNC_END : SYNC_END, status.st_ino, token, 0, 0, NULL, 0, NULL);
        pthread_mutex_unlock(&lock);
    }
    errno = saved;
    return done;
}

int fsync(int fd) { return sync_fd(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_fd(fd, SYS_fdatasync); }

/* ---- names ---- */

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    char a[PATH_BYTES], b[PATH_BYTES];
    int a_ours = below(from_folder, from, a), b_ours = below(to_folder, to, b), done, saved;
    struct stat status;
    if (!a_ours && !b_ours) return syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    pthread_mutex_lock(&lock);
    if (syscall(SYS_newfstatat, AT_FDCWD, a, &status, 0) == 0) {
        keep(b);
        if (!a_ours || !b_ours || flags || !S_ISREG(status.st_mode)) record_path(UNSUPPORTED, status.st_ino, "this kind of rename", NULL);
        record_path(RENAME, status.st_ino, a, b);
    }
    done = syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    saved = errno;
    if (done != 0) record_path(UNSUPPORTED, 0, "a failed rename", NULL);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return done;
}
int renameat(int from_folder, const char *from, int to_folder, const char *to) { return renameat2(from_folder, from, to_folder, to, 0); }
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int folder, const char *name, int flags) {
    char path[PATH_BYTES];
    int done, saved;
    struct stat status;
    if (!below(folder, name, path)) return syscall(SYS_unlinkat, folder, name, flags);
    pthread_mutex_lock(&lock);
    if (flags & AT_REMOVEDIR) {
        done = syscall(SYS_unlinkat, folder, name, flags);
        saved = errno;
        if (done == 0) record_path(RMDIR, 0, path, NULL);
    } else {
        if (syscall(SYS_newfstatat, AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode))
            record_path(UNLINK, keep(path), path, NULL);
        done = syscall(SYS_unlinkat, folder, name, flags);
        saved = errno;
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return done;
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
int remove(const char *name) {
    int done = unlink(name);
    return done != 0 && errno == EISDIR ? rmdir(name) : done;
}

int mkdirat(int folder, const char *name, mode_t mode) {
    char path[PATH_BYTES];
    int done, saved;
    if (!below(folder, name, path)) return syscall(SYS_mkdirat, folder, name, mode);
    pthread_mutex_lock(&lock);
    done = syscall(SYS_mkdirat, folder, name, mode);
    saved = errno;
    if (done == 0) record_path(MKDIR, 0, path, NULL);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return done;
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    char a[PATH_BYTES], b[PATH_BYTES];
    struct stat status;
    int done, saved;
    if (!below(to_folder, to, b)) return syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    pthread_mutex_lock(&lock);
    done = syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    saved = errno;
    if (done == 0 && below(from_folder, from, a) && syscall(SYS_newfstatat, AT_FDCWD, b, &status, 0) == 0) record_path(LINK, status.st_ino, a, b);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return done;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

FILE *fopen64(const char *name, const char *mode) {
    REAL(FILE *, "fopen64", const char *, const char *);
    char path[PATH_BYTES];
    if (mode[0] != 'r' && below(AT_FDCWD, name, path)) {
        pthread_mutex_lock(&lock);
        record_path(UNSUPPORTED, 0, "a buffered stream", path);
        pthread_mutex_unlock(&lock);
    }
    return real(name, mode);
}
FILE *fopen(const char *name, const char *mode) { return fopen64(name, mode); }
