/* A page cache and a disk that fails, for the files of one SQLite database: preloaded into a
 * process (LD_PRELOAD), which steers it by the sim_ functions.
 *
 * The real file is what the kernel shows. What the disk has is in another directory, one file for
 * each inode. A page that is written is dirty; an fsync brings it to the disk, or fails and gives it
 * up: it is clean from then on, shown until it is evicted, and never written again, as in Linux since
 * 4.13. An error is told once to each descriptor that was open. Truncation and the names of files
 * reach the disk in order, with the next fsync (a journal). Probabilities are per 10,000.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, SECTOR = 512, PAGES = 8192, INODES = 400, DESCRIPTORS = 4096, CHANGES = 256 };
enum { DATABASE, LOG, JOURNAL, NAMES };
enum { OTHER, FILE_OF_OURS, DIRECTORY_OF_OURS };
static const char *const SUFFIX[NAMES] = {"", "-wal", "-journal"};
typedef char path_t[PATH_MAX + 32];

struct faults { int fsync[NAMES], write[NAMES], writeback[NAMES], evict, reaches_disk; };
struct inode {
  int name, errors, errors_seen;
  int64_t disk_size, cut_at; /* cut_at: truncated to, which the disk doesn't know yet */
  uint8_t dirty[PAGES], given_up[PAGES];
};
struct change { int name, inode; }; /* inode -1: the name is gone */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int is_on;
static path_t directory, base, disk_directory;
static uint64_t random_state;
static struct faults faults;
static struct inode inodes[INODES];
static int inode_count, shown[NAMES], on_disk[NAMES], change_count;
static struct change changes[CHANGES];
static struct { int kind, inode, errors_seen; } descriptors[DESCRIPTORS];
static int64_t counts[4]; /* fsyncs, failed fsyncs, pages given up, pages evicted */
static FILE *trace;

static uint64_t next_random(void) {
  random_state ^= random_state << 13, random_state ^= random_state >> 7;
  return random_state ^= random_state << 17;
}
static uint64_t below(uint64_t n) { return (next_random() >> 20) % n; }
static int chance(int per_10000) { return per_10000 > 0 && below(10000) < (uint64_t)per_10000; }
static void seed_random(uint64_t seed) {
  random_state = seed * 0x9E3779B97F4A7C15u | 1;
  for (int i = 0; i < 20; i++) next_random();
}
static void note(const char *format, ...) {
  if (!trace) return;
  va_list arguments;
  va_start(arguments, format), vfprintf(trace, format, arguments), va_end(arguments);
  fflush(trace);
}
static void give_up(const char *why) { fprintf(stderr, "simulated disk: %s\n", why), abort(); }

/* the real system calls */
static ssize_t real_pread(int f, void *b, size_t n, int64_t at) { return syscall(SYS_pread64, f, b, n, at); }
static ssize_t real_pwrite(int f, const void *b, size_t n, int64_t at) { return syscall(SYS_pwrite64, f, b, n, at); }
static int real_open(const char *path, int flags, int mode) { return syscall(SYS_openat, AT_FDCWD, path, flags, mode); }
static int real_close(int f) { return syscall(SYS_close, f); }
static int real_truncate(int f, int64_t size) { return syscall(SYS_ftruncate, f, size); }
static int64_t size_of(int f) { struct stat s; return fstat(f, &s) ? -1 : s.st_size; }

static int open_disk(int inode) {
  path_t path;
  snprintf(path, sizeof path, "%.4000s/%d", disk_directory, inode);
  return real_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}
static int open_shown(int name) {
  path_t path;
  snprintf(path, sizeof path, "%.4000s%s", base, SUFFIX[name]);
  return real_open(path, O_RDWR | O_CLOEXEC, 0600);
}
static void read_page(int f, int64_t page, char *to) {
  memset(to, 0, PAGE);
  if (real_pread(f, to, PAGE, page * PAGE) < 0) give_up("can't read");
}
static void write_page(int f, int64_t page, const char *from, int64_t size) {
  int64_t end = (page + 1) * PAGE;
  if (real_pwrite(f, from, end > size ? size - page * PAGE : PAGE, page * PAGE) < 0) give_up("can't write");
}

/* A truncation reaches the disk before what was written behind it. */
static void settle_size(struct inode *i, int disk) {
  if (i->cut_at < i->disk_size) real_truncate(disk, i->disk_size = i->cut_at);
  i->cut_at = INT64_MAX;
}
static void write_back(struct inode *i, int cache, int disk, int64_t page, int fails) {
  char bytes[PAGE];
  settle_size(i, disk);
  if (fails) counts[2]++;
  else read_page(cache, page, bytes), write_page(disk, page, bytes, INT64_MAX);
  i->given_up[page] = fails, i->dirty[page] = 0;
}
static void fail_writeback(struct inode *i, int cache, int disk) {
  int lost = 0, fails;
  for (int64_t p = 0; p < PAGES; p++)
    if (i->dirty[p]) lost += fails = !chance(faults.reaches_disk), write_back(i, cache, disk, p, fails);
  i->errors++, i->errors_seen = 0;
  note("%d pages of %s given up\n", lost, SUFFIX[i->name]);
}
static void evict(struct inode *i, int cache, int disk, int64_t page) {
  char bytes[PAGE];
  int64_t size = size_of(cache);
  if (!i->given_up[page] || i->dirty[page] || page * PAGE >= size) return;
  settle_size(i, disk);
  read_page(disk, page, bytes), write_page(cache, page, bytes, size);
  i->given_up[page] = 0, counts[3]++;
}
static void commit_names(void) {
  for (int n = 0; n < change_count; n++) on_disk[changes[n].name] = changes[n].inode;
  change_count = 0;
}
static void change_name(int name, int inode) {
  if (change_count == CHANGES) commit_names();
  changes[change_count++] = (struct change){name, inode};
  shown[name] = inode;
}
static int new_inode(int name) {
  if (inode_count == INODES) give_up("out of inodes");
  int n = inode_count++, disk = open_disk(n);
  inodes[n] = (struct inode){.name = name, .cut_at = INT64_MAX};
  real_truncate(disk, 0), real_close(disk);
  return n;
}

static int name_of(const char *path) {
  size_t length = strlen(base);
  if (!is_on || strncmp(path, base, length)) return -1;
  for (int n = 0; n < NAMES; n++) if (!strcmp(path + length, SUFFIX[n])) return n;
  return -1;
}
static struct inode *inode_of(int fd) {
  return is_on && fd >= 0 && fd < DESCRIPTORS && descriptors[fd].kind == FILE_OF_OURS ? &inodes[descriptors[fd].inode] : 0;
}
static int open_any(const char *path, int flags, int mode) {
  int fd = real_open(path, flags, mode), name = name_of(path);
  if (fd < 0 || fd >= DESCRIPTORS) return fd;
  descriptors[fd].kind = is_on && !strcmp(path, directory) ? DIRECTORY_OF_OURS : OTHER;
  if (name < 0) return fd;
  pthread_mutex_lock(&mutex);
  if (shown[name] < 0) change_name(name, new_inode(name));
  struct inode *i = &inodes[shown[name]];
  descriptors[fd].inode = shown[name], descriptors[fd].kind = FILE_OF_OURS;
  /* an error that no descriptor has seen is told to the next one as well */
  descriptors[fd].errors_seen = i->errors - (i->errors > 0 && !i->errors_seen);
  pthread_mutex_unlock(&mutex);
  return fd;
}
static int mode_of(int flags, va_list arguments) { return flags & O_CREAT ? va_arg(arguments, int) : 0; }
#define OPEN(function) \
  int function(const char *path, int flags, ...) { \
    va_list arguments; \
    va_start(arguments, flags); \
    int mode = mode_of(flags, arguments); \
    va_end(arguments); \
    return open_any(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)
int close(int fd) {
  if (fd >= 0 && fd < DESCRIPTORS) descriptors[fd].kind = OTHER;
  return real_close(fd);
}

/* What the kernel does between two calls: it writes a page back, fails to write them all, evicts. */
static void work_behind(struct inode *i, int cache) {
  int disk = open_disk(i - inodes);
  if (chance(faults.writeback[i->name])) fail_writeback(i, cache, disk);
  if (chance(500))
    for (int64_t n = 0, p = below(PAGES); n < PAGES; n++, p = (p + 1) % PAGES)
      if (i->dirty[p]) { write_back(i, cache, disk, p, 0); break; }
  if (chance(faults.evict))
    for (int64_t p = 0, share = below(10000); p < PAGES; p++) if (chance(share)) evict(i, cache, disk, p);
  real_close(disk);
}
static ssize_t write_any(int fd, const void *bytes, size_t n, int64_t at) {
  struct inode *i = inode_of(fd);
  if (!i) return real_pwrite(fd, bytes, n, at);
  if (at + (int64_t)n > (int64_t)PAGES * PAGE) give_up("the file is too long");
  pthread_mutex_lock(&mutex);
  ssize_t done = -1;
  int fails = chance(faults.write[i->name]), error = EIO;
  if (!fails || (n > 1 && chance(5000))) { /* half of those that fail are short */
    done = real_pwrite(fd, bytes, fails ? 1 + below(n - 1) : n, at), error = errno;
    for (int64_t p = at / PAGE; done > 0 && p <= (at + done - 1) / PAGE; p++) i->dirty[p] = 1, i->given_up[p] = 0;
  }
  note("write %s %ld: %zd of %zu\n", SUFFIX[i->name], (long)at, done, n);
  work_behind(i, fd);
  pthread_mutex_unlock(&mutex);
  errno = error;
  return done;
}
static ssize_t read_any(int fd, void *bytes, size_t n, int64_t at) {
  struct inode *i = inode_of(fd);
  if (!i) return real_pread(fd, bytes, n, at);
  pthread_mutex_lock(&mutex);
  work_behind(i, fd);
  ssize_t done = real_pread(fd, bytes, n, at);
  pthread_mutex_unlock(&mutex);
  return done;
}
ssize_t pwrite(int fd, const void *b, size_t n, off_t at) { return write_any(fd, b, n, at); }
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t at) { return write_any(fd, b, n, at); }
ssize_t pread(int fd, void *b, size_t n, off_t at) { return read_any(fd, b, n, at); }
ssize_t pread64(int fd, void *b, size_t n, off64_t at) { return read_any(fd, b, n, at); }

static int sync_any(int fd) {
  if (is_on && fd >= 0 && fd < DESCRIPTORS && descriptors[fd].kind == DIRECTORY_OF_OURS) {
    pthread_mutex_lock(&mutex), commit_names(), pthread_mutex_unlock(&mutex);
    return 0;
  }
  struct inode *i = inode_of(fd);
  if (!i) return syscall(SYS_fsync, fd);
  pthread_mutex_lock(&mutex);
  int disk = open_disk(i - inodes), is_dirty = memchr(i->dirty, 1, PAGES) != 0, result = 0;
  counts[0]++;
  if (is_dirty && chance(faults.fsync[i->name])) fail_writeback(i, fd, disk);
  else {
    for (int64_t p = 0; p < PAGES; p++) if (i->dirty[p]) write_back(i, fd, disk, p, 0);
    settle_size(i, disk);
    i->disk_size = size_of(fd), commit_names();
  }
  if (descriptors[fd].errors_seen < i->errors)
    descriptors[fd].errors_seen = i->errors, i->errors_seen = 1, counts[1]++, result = -1;
  note("fsync %s: %d\n", SUFFIX[i->name], result);
  real_close(disk);
  pthread_mutex_unlock(&mutex);
  if (result) errno = EIO;
  return result;
}
int fsync(int fd) { return sync_any(fd); }
int fdatasync(int fd) { return sync_any(fd); }

static int truncate_any(int fd, int64_t size) {
  struct inode *i = inode_of(fd);
  if (!i) return real_truncate(fd, size);
  pthread_mutex_lock(&mutex);
  int result = real_truncate(fd, size), error = errno;
  for (int64_t p = (size + PAGE - 1) / PAGE; !result && p < PAGES; p++) i->dirty[p] = i->given_up[p] = 0;
  if (!result && size < i->cut_at) i->cut_at = size;
  note("truncate %s: %ld\n", SUFFIX[i->name], (long)size);
  pthread_mutex_unlock(&mutex);
  errno = error;
  return result;
}
int ftruncate(int fd, off_t size) { return truncate_any(fd, size); }
int ftruncate64(int fd, off64_t size) { return truncate_any(fd, size); }

static int advise_any(int fd, int advice) {
  struct inode *i = inode_of(fd);
  if (!i || advice != POSIX_FADV_DONTNEED) return 0;
  pthread_mutex_lock(&mutex);
  int disk = open_disk(i - inodes);
  for (int64_t p = 0; p < PAGES; p++) evict(i, fd, disk, p);
  note("%s dropped\n", SUFFIX[i->name]);
  real_close(disk);
  pthread_mutex_unlock(&mutex);
  return 0;
}
int posix_fadvise(int fd, off_t at, off_t n, int advice) { return (void)at, (void)n, advise_any(fd, advice); }
int posix_fadvise64(int fd, off64_t at, off64_t n, int advice) { return (void)at, (void)n, advise_any(fd, advice); }

int unlink(const char *path) {
  int name = name_of(path);
  pthread_mutex_lock(&mutex);
  int result = syscall(SYS_unlink, path), error = errno;
  if (name >= 0 && !result && shown[name] >= 0) change_name(name, -1), note("unlink %s\n", SUFFIX[name]);
  pthread_mutex_unlock(&mutex);
  errno = error;
  return result;
}

/* Begin with an empty disk for the database `file` in `home`; no file of an earlier one is open. */
void sim_begin(const char *home, const char *file, const char *disk, const char *trace_file, uint64_t seed) {
  snprintf(directory, sizeof directory, "%s", home), snprintf(base, sizeof base, "%s", file);
  snprintf(disk_directory, sizeof disk_directory, "%s", disk);
  if (trace) fclose(trace);
  trace = fopen(trace_file, "we");
  inode_count = change_count = 0;
  for (int n = 0; n < NAMES; n++) shown[n] = on_disk[n] = -1;
  memset(descriptors, 0, sizeof descriptors), memset(counts, 0, sizeof counts), memset(&faults, 0, sizeof faults);
  seed_random(seed);
  is_on = 1;
}
void sim_faults(const struct faults *wanted) { pthread_mutex_lock(&mutex), faults = *wanted, pthread_mutex_unlock(&mutex); }
void sim_counts(int64_t *to) { memcpy(to, counts, sizeof counts); }

/* All that the kernel can read anew is gone from its memory. */
void sim_evict(void) {
  pthread_mutex_lock(&mutex);
  for (int n = 0; n < NAMES; n++) {
    int cache = shown[n] < 0 ? -1 : open_shown(n), disk = shown[n] < 0 ? -1 : open_disk(shown[n]);
    for (int64_t p = 0; cache >= 0 && p < PAGES; p++) evict(&inodes[shown[n]], cache, disk, p);
    if (cache >= 0) real_close(cache);
    if (disk >= 0) real_close(disk);
  }
  pthread_mutex_unlock(&mutex);
}

/* One page as a power cut leaves it; a dirty one is there, not there, or there in some sectors. */
static void read_cut_page(const struct inode *i, int64_t page, int cache, int disk, int is_cut, int share, char *to) {
  char newer[PAGE];
  int64_t from = is_cut ? i->cut_at - page * PAGE : PAGE;
  read_page(disk, page, to);
  if (from < PAGE) memset(to + (from > 0 ? from : 0), 0, PAGE - (from > 0 ? from : 0));
  if (cache < 0 || !i->dirty[page] || !chance(share)) return;
  if (!is_cut && i->cut_at < i->disk_size && page * PAGE >= i->cut_at) return;
  read_page(cache, page, newer);
  int is_torn = chance(2000);
  for (int at = 0; at < PAGE; at += SECTOR) if (!is_torn || chance(5000)) memcpy(to + at, newer + at, SECTOR);
}
/* Write what a power cut would leave now to the file `out`, and those beside it. */
void sim_cut(const char *out, uint64_t seed) {
  pthread_mutex_lock(&mutex);
  uint64_t kept = random_state;
  seed_random(seed);
  int names[NAMES], until = below(change_count + 1), share = below(3) ? below(10000) : 0;
  memcpy(names, on_disk, sizeof names);
  for (int n = 0; n < until; n++) names[changes[n].name] = changes[n].inode;
  for (int n = 0; n < NAMES; n++) {
    path_t path;
    char bytes[PAGE];
    snprintf(path, sizeof path, "%.4000s%s", out, SUFFIX[n]);
    syscall(SYS_unlink, path);
    if (names[n] < 0) continue;
    const struct inode *i = &inodes[names[n]];
    int to = real_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), disk = open_disk(names[n]);
    int cache = shown[n] == names[n] ? open_shown(n) : -1;
    int is_shorter = i->cut_at < i->disk_size, is_cut = is_shorter && chance(5000);
    int64_t size = is_cut ? i->cut_at : i->disk_size, now = cache < 0 ? size : size_of(cache);
    if (now > size && (is_cut || !is_shorter) && chance(5000)) size = chance(3000) ? size + (int64_t)below(now - size) : now;
    for (int64_t p = 0; p * PAGE < size; p++)
      read_cut_page(i, p, cache, disk, is_cut, share, bytes), write_page(to, p, bytes, size);
    real_close(to), real_close(disk);
    if (cache >= 0) real_close(cache);
  }
  random_state = kept;
  pthread_mutex_unlock(&mutex);
}
