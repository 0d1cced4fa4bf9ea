/*
 * Asks for playlists and segments as fast as the server answers: each of its connections
 * stays open and sends the next request once it has the whole answer to the last. It has to
 * cost less than any server, so that bodies are thrown away by the kernel, unread; one answer
 * in SAMPLE_EVERY is read and compared with its file. Where nothing has come it pauses for
 * PAUSE_NS and looks again: no server pays for waking it, as none does where clients are on
 * other machines.
 *
 *   hls-load PORT CONNECTIONS playlists|segments|mix LIST
 *
 * LIST has one line for each target: "p PATH" or "s PATH FILE". Connection i asks for playlist
 * i and for the segments in order from the i-th on; in a mix for both in turn. Only on the
 * loopback. Prints its counts as JSON for each line that it reads, and ends when its standard
 * input is closed or its time is over.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 4096
#define MAX_TARGETS 4096
#define MAX_PATH_CHARS 512
#define MAX_FILE_BYTES (64 * 1024 * 1024)
#define MAX_PLAYLIST_BYTES (1024 * 1024)
#define MAX_HEAD_BYTES 4096
#define SAMPLE_EVERY 256
#define LONGEST_RUN_S 3600
#define PAUSE_NS 100000

/* What a browser's player sends, as far as a server has to read it. */
static const char fields[] =
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36\r\n"
    "Accept: */*\r\n"
    "Origin: http://127.0.0.1\r\n"
    "Referer: http://127.0.0.1/\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-US,en;q=0.9\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

struct target {
  char *request;
  size_t request_bytes;
  /* Of a segment; a playlist changes from one answer to the next. */
  unsigned char *body;
  size_t body_bytes;
};

struct connection {
  int fd;
  int playlist;
  int segment;
  int asks_segment;
  const struct target *target;
  char head[MAX_HEAD_BYTES];
  size_t head_bytes;
  int has_head;
  int is_sample;
  size_t body_bytes;
  size_t received;
};

static struct target playlists[MAX_TARGETS], segments[MAX_TARGETS];
static int playlist_count, segment_count;
static struct connection *connections;
static char mode;
static int poller;
static unsigned long long playlist_answers, segment_answers, body_bytes, compared, failed;
static char first_failure[160];

static void fail(struct connection *of, const char *why) {
  failed += 1;
  if (first_failure[0] == 0) snprintf(first_failure, sizeof first_failure, "%s", why);
  close(of->fd);
  of->fd = -1;
}

static void stop(const char *why) {
  fprintf(stderr, "hls-load: %s\n", why);
  exit(1);
}

static int is_asking_segment(const struct connection *of) { return of->target->body != NULL; }

static void ask(struct connection *of) {
  if (of->asks_segment) {
    of->target = &segments[of->segment];
    of->segment = (of->segment + 1) % segment_count;
  } else {
    of->target = &playlists[of->playlist];
  }
  if (mode == 'm') of->asks_segment = !of->asks_segment;
  of->head_bytes = 0;
  of->has_head = 0;
  of->received = 0;
  ssize_t sent = send(of->fd, of->target->request, of->target->request_bytes, MSG_NOSIGNAL);
  if (sent != (ssize_t)of->target->request_bytes) fail(of, "a request was not taken");
}

/* The value of Content-Length, or -1. The head ends with a zero. */
static long long content_length(const char *head) {
  for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
    if (strncasecmp(line + 2, "content-length:", 15) == 0) return strtoll(line + 17, NULL, 10);
  }
  return -1;
}

static const char *check_head(struct connection *of) {
  if (strncmp(of->head, "HTTP/1.1 200 ", 13) != 0) return "an answer was not 200";
  long long length = content_length(of->head);
  if (length <= 0) return "an answer had no length";
  if (!is_asking_segment(of)) {
    if (length > MAX_PLAYLIST_BYTES) return "a playlist was too long";
  } else if ((size_t)length != of->target->body_bytes) {
    return "a segment had another length";
  }
  of->body_bytes = (size_t)length;
  of->is_sample = (playlist_answers + segment_answers) % SAMPLE_EVERY == 0;
  return NULL;
}

/* @returns 0 when the bytes are not those of the file; a playlist is compressed, as was asked for */
static int is_right(const struct connection *of, const unsigned char *bytes, size_t count) {
  if (is_asking_segment(of)) return memcmp(of->target->body + of->received, bytes, count) == 0;
  static const unsigned char magic[2] = {0x1f, 0x8b};
  return of->received > 0 || count < 2 || memcmp(bytes, magic, 2) == 0;
}

static void finish(struct connection *of) {
  if (is_asking_segment(of)) segment_answers += 1;
  else playlist_answers += 1;
  body_bytes += of->body_bytes;
  if (of->is_sample) compared += 1;
  ask(of);
}

/* @returns whether there may be more to read */
static int read_head(struct connection *of) {
  size_t room = sizeof of->head - 1 - of->head_bytes;
  ssize_t size = recv(of->fd, of->head + of->head_bytes, room, 0);
  if (size < 0 && errno == EAGAIN) return 0;
  if (size <= 0) return fail(of, "a connection was closed"), 0;
  of->head_bytes += (size_t)size;
  of->head[of->head_bytes] = 0;
  char *end = strstr(of->head, "\r\n\r\n");
  if (!end) {
    if (of->head_bytes == sizeof of->head - 1) fail(of, "a head was too long");
    return 0;
  }
  end += 4;
  size_t rest = of->head_bytes - (size_t)(end - of->head);
  unsigned char first = (unsigned char)*end;
  *end = 0;
  const char *wrong = check_head(of);
  *end = (char)first;
  if (!wrong && rest > of->body_bytes) wrong = "an answer was longer than it said";
  if (!wrong && !is_right(of, (unsigned char *)end, rest)) wrong = "a body was not right";
  if (wrong) return fail(of, wrong), 0;
  of->has_head = 1;
  of->received = rest;
  return (size_t)size == room;
}

static int read_body(struct connection *of) {
  static unsigned char buffer[256 * 1024];
  size_t missing = of->body_bytes - of->received;
  ssize_t size;
  if (of->is_sample) {
    if (missing > sizeof buffer) missing = sizeof buffer;
    size = recv(of->fd, buffer, missing, 0);
  } else {
    size = recv(of->fd, NULL, missing, MSG_TRUNC);
  }
  if (size < 0 && errno == EAGAIN) return 0;
  if (size <= 0) return fail(of, "a connection was closed"), 0;
  if (of->is_sample && !is_right(of, buffer, (size_t)size)) return fail(of, "a body was not right"), 0;
  of->received += (size_t)size;
  return 0;
}

static void serve(struct connection *of) {
  if (of->fd < 0) return;
  int has_more = 1;
  if (!of->has_head) has_more = read_head(of);
  else read_body(of);
  if (of->fd >= 0 && of->has_head && has_more && of->received < of->body_bytes) read_body(of);
  if (of->fd >= 0 && of->has_head && of->received == of->body_bytes) finish(of);
}

static void add_request(struct target *target, const char *path, int port) {
  char text[MAX_PATH_CHARS + 64 + sizeof fields];
  int size = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s", path, port, fields);
  if (size < 0 || (size_t)size >= sizeof text) stop("a path is too long");
  target->request = strdup(text);
  target->request_bytes = (size_t)size;
}

static void add_body(struct target *target, const char *file) {
  int fd = open(file, O_RDONLY);
  struct stat found;
  if (fd < 0 || fstat(fd, &found) < 0 || found.st_size <= 0 || found.st_size > MAX_FILE_BYTES) {
    stop("a file cannot be read");
  }
  target->body_bytes = (size_t)found.st_size;
  target->body = malloc(target->body_bytes);
  if (!target->body || read(fd, target->body, target->body_bytes) != found.st_size) stop("a file cannot be read");
  close(fd);
}

static void read_list(const char *file, int port) {
  FILE *list = fopen(file, "r");
  if (!list) stop("the list cannot be read");
  char line[4096], path[MAX_PATH_CHARS], body[2048];
  while (fgets(line, sizeof line, list)) {
    if (sscanf(line, "s %511s %2047s", path, body) == 2 && segment_count < MAX_TARGETS) {
      add_request(&segments[segment_count], path, port);
      add_body(&segments[segment_count++], body);
    } else if (sscanf(line, "p %511s", path) == 1 && playlist_count < MAX_TARGETS) {
      add_request(&playlists[playlist_count++], path, port);
    } else {
      stop("the list has a line that is none");
    }
  }
  fclose(list);
  if (playlist_count == 0 || segment_count == 0) stop("the list has no playlists or no segments");
}

static void connect_all(int count, int port) {
  connections = calloc((size_t)count, sizeof *connections);
  if (!connections) stop("no memory");
  for (int i = 0; i < count; i += 1) {
    struct connection *of = &connections[i];
    of->fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (of->fd < 0 || connect(of->fd, (struct sockaddr *)&address, sizeof address) < 0) stop("no connection");
    int on = 1;
    setsockopt(of->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(of->fd, F_SETFL, O_NONBLOCK);
    of->playlist = i % playlist_count;
    of->segment = i % segment_count;
    of->asks_segment = mode == 's' || (mode == 'm' && i % 2 == 1);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = of};
    epoll_ctl(poller, EPOLL_CTL_ADD, of->fd, &event);
  }
}

/* @returns whether to go on */
static int tell(void) {
  char asked[64];
  if (read(0, asked, sizeof asked) <= 0) return 0;
  printf("{\"playlists\":%llu,\"segments\":%llu,\"bodyBytes\":%llu,\"compared\":%llu,\"failed\":%llu,"
         "\"firstFailure\":\"%s\"}\n",
         playlist_answers, segment_answers, body_bytes, compared, failed, first_failure);
  fflush(stdout);
  return 1;
}

int main(int count, char **arguments) {
  if (count != 5) stop("PORT CONNECTIONS playlists|segments|mix LIST");
  int port = atoi(arguments[1]);
  int wanted = atoi(arguments[2]);
  mode = arguments[3][0];
  if (wanted < 1 || wanted > MAX_CONNECTIONS) stop("too many connections");
  alarm(LONGEST_RUN_S);
  /* Else a pause would be half as long again. */
  prctl(PR_SET_TIMERSLACK, 1);
  read_list(arguments[4], port);
  poller = epoll_create1(0);
  connect_all(wanted, port);
  struct epoll_event parent = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(poller, EPOLL_CTL_ADD, 0, &parent);
  for (int i = 0; i < wanted; i += 1) ask(&connections[i]);
  for (;;) {
    struct epoll_event events[256];
    int ready = epoll_wait(poller, events, 256, 0);
    if (ready == 0) nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    for (int i = 0; i < ready; i += 1) {
      if (events[i].data.ptr) serve(events[i].data.ptr);
      else if (!tell()) return 0;
    }
  }
}
