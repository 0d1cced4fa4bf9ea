/*
 * The limit of what a server can reach on this kernel: answers every connection and then
 * sends it 16,000 bytes, one second of 128 kb/s, once a second with one call. Its clients
 * are served one after the other, spread over the second.
 *
 * Prints "port N" and ends when its standard input is closed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BYTES_PER_SECOND 16000
#define MAX_CLIENTS 20000
#define TICK_MS 10
#define LAP_MS 1000.0

static const char head[] =
    "HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n";

/* The clients that are on air, by place; for each descriptor its place plus one. */
static int clients[MAX_CLIENTS];
static int place_of[65536];
static int count;
static char first[sizeof head - 1 + BYTES_PER_SECOND];

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void forget(int client) {
  int place = place_of[client];
  if (place > 0) {
    int last = clients[--count];
    clients[place - 1] = last;
    place_of[last] = place;
    place_of[client] = 0;
  }
  close(client);
}

static void take(int server, int poll) {
  for (;;) {
    int client = accept4(server, NULL, NULL, SOCK_NONBLOCK);
    if (client < 0) return;
    if (client >= 65536) {
      close(client);
      continue;
    }
    int on = 1;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = client};
    epoll_ctl(poll, EPOLL_CTL_ADD, client, &event);
  }
}

static void read_request(int client) {
  char request[4096];
  ssize_t size = recv(client, request, sizeof request, 0);
  if (size == 0 || (size < 0 && errno != EAGAIN)) return forget(client);
  if (size < 0 || place_of[client] > 0) return;
  if (count == MAX_CLIENTS) return forget(client);
  clients[count++] = client;
  place_of[client] = count;
  if (send(client, first, sizeof first, MSG_NOSIGNAL) < 0 && errno != EAGAIN) forget(client);
}

int main(void) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  memcpy(first, head, sizeof head - 1);
  const char *second = first + sizeof head - 1;
  int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 4096) < 0 ||
      getsockname(server, (struct sockaddr *)&address, &length) < 0) {
    perror("send-loop");
    return 1;
  }
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);

  int poll = epoll_create1(0);
  struct epoll_event accepting = {.events = EPOLLIN, .data.fd = server};
  struct epoll_event parent = {.events = 0, .data.fd = 0};
  epoll_ctl(poll, EPOLL_CTL_ADD, server, &accepting);
  epoll_ctl(poll, EPOLL_CTL_ADD, 0, &parent);

  double lap_start = now_ms();
  int served = 0;
  int in_lap = 0;
  for (;;) {
    struct epoll_event events[512];
    double tick_end = now_ms() + TICK_MS;
    int wait_ms = TICK_MS;
    do {
      int ready = epoll_wait(poll, events, 512, wait_ms);
      for (int i = 0; i < ready; i += 1) {
        int fd = events[i].data.fd;
        if (fd == 0) return 0;
        if (fd == server) take(server, poll);
        else read_request(fd);
      }
      wait_ms = (int)(tick_end - now_ms());
    } while (wait_ms > 0);

    double share = (now_ms() - lap_start) / LAP_MS;
    int due = share >= 1 ? in_lap : (int)(in_lap * share);
    for (; served < due && served < count; served += 1) {
      ssize_t size = send(clients[served], second, BYTES_PER_SECOND, MSG_NOSIGNAL);
      if (size < 0 && errno != EAGAIN) forget(clients[served]);
    }
    if (share >= 1) {
      /* A late lap starts from now, as nobody gains from hurrying. */
      lap_start = share >= 2 ? now_ms() : lap_start + LAP_MS;
      served = 0;
      in_lap = count;
    }
  }
}
