/* A webcam, for a program that this is preloaded into: what opens WEBCAM finds a Video4Linux device
 * there. It offers what webcams of people's desks do: raw pictures (YUYV), large ones slowly, and
 * JPEG at any size fast. A raw picture is grey, with a red square in its middle; the JPEG ones lie in
 * the folder WEBCAM_PICTURES, as 640x480.jpg.
 *
 * WEBCAM is a character device that is there, and that nothing else opens: /dev/full. With WEBCAM_BUSY
 * another program has its pictures; with WEBCAM_RAW it offers raw ones only. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BUFFERS 8
#define ROOM (1920 * 1080 * 2)

struct mode { uint32_t format, width, height, rate; };

static const struct mode modes[] = {
    {V4L2_PIX_FMT_YUYV, 640, 480, 30},
    {V4L2_PIX_FMT_YUYV, 1920, 1080, 5},
    {V4L2_PIX_FMT_MJPEG, 640, 480, 30},
    {V4L2_PIX_FMT_MJPEG, 1280, 720, 30},
    {V4L2_PIX_FMT_MJPEG, 1920, 1080, 30},
};
#define MODES (sizeof modes / sizeof modes[0])

/* There is one stream at a time. */
static const struct mode *mode = &modes[0];
static uint8_t *memory[BUFFERS];
static int queued[BUFFERS], next_queued, last_queued;
static uint32_t sequence;

static int opened[64], open_count;

/* A thread asks at a time, as GStreamer does. */
static int is_webcam(int fd) {
    for (int at = 0; at < open_count && at < 64; at++)
        if (opened[at] == fd) return 1;
    return 0;
}

static int remember(int fd) {
    if (fd >= 0 && !is_webcam(fd)) opened[open_count++ % 64] = fd;
    return fd;
}

/* A clock is what becomes readable at each frame. */
static int open_webcam(void) {
    return remember(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
}

int dup(int fd) {
    int twin = syscall(SYS_dup, fd);
    return is_webcam(fd) ? remember(twin) : twin;
}

static int opens(const char *path) {
    const char *webcam = getenv("WEBCAM");
    return webcam && !strcmp(path, webcam);
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t rights = va_arg(rest, mode_t);                                                      \
        va_end(rest);                                                                              \
        if (opens(path)) return open_webcam();                                                     \
        return syscall(SYS_openat, AT_FDCWD, path, flags, rights);                                 \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    for (int at = 0; at < open_count && at < 64; at++)
        if (opened[at] == fd) opened[at] = -1;
    return syscall(SYS_close, fd);
}

#define MMAP(name)                                                                                 \
    void *name(void *address, size_t length, int protection, int flags, int fd, off_t offset) {    \
        if (fd >= 0 && is_webcam(fd)) return memory[offset / ROOM];                                \
        return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);          \
    }
MMAP(mmap)
MMAP(mmap64)

int munmap(void *address, size_t length) {
    for (int at = 0; at < BUFFERS; at++)
        if (address == memory[at]) return 0;
    return syscall(SYS_munmap, address, length);
}

static const struct mode *find(uint32_t format, uint32_t width, uint32_t height) {
    for (size_t at = 0; at < MODES; at++)
        if (modes[at].format == format && modes[at].width >= width && modes[at].height >= height)
            return &modes[at];
    for (size_t at = MODES; at-- > 0;)
        if (modes[at].format == format) return &modes[at];
    return &modes[0];
}

static void describe(struct v4l2_pix_format *pix, const struct mode *as) {
    memset(pix, 0, sizeof *pix);
    pix->width = as->width;
    pix->height = as->height;
    pix->pixelformat = as->format;
    pix->field = V4L2_FIELD_NONE;
    pix->bytesperline = as->format == V4L2_PIX_FMT_YUYV ? as->width * 2 : 0;
    pix->sizeimage = as->width * as->height * 2;
    pix->colorspace = V4L2_COLORSPACE_SRGB;
}

static uint32_t draw(uint8_t *into) {
    uint32_t width = mode->width, height = mode->height;
    if (mode->format == V4L2_PIX_FMT_MJPEG) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%ux%u.jpg", getenv("WEBCAM_PICTURES"), width, height);
        FILE *file = fopen(path, "rb");
        if (!file) abort();
        size_t length = fread(into, 1, ROOM, file);
        fclose(file);
        return length;
    }
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x += 2) {
            int red = abs((int)x - (int)width / 2) < (int)height / 6 &&
                      abs((int)y - (int)height / 2) < (int)height / 6;
            const uint8_t grey[4] = {110, 128, 110, 128}, dyed[4] = {82, 90, 82, 240};
            memcpy(into + (y * width + x) * 2, red ? dyed : grey, 4);
        }
    return width * height * 2;
}

static int fail(int error) {
    errno = error;
    return -1;
}

static int answer(int fd, unsigned long request, void *argument) {
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *to = argument;
        memset(to, 0, sizeof *to);
        strcpy((char *)to->driver, "webcam");
        strcpy((char *)to->card, "Webcam");
        to->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        to->capabilities = to->device_caps | V4L2_CAP_DEVICE_CAPS;
        return 0;
    }
    case VIDIOC_ENUM_FMT: {
        struct v4l2_fmtdesc *to = argument;
        static const uint32_t formats[] = {V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_MJPEG};
        uint32_t offered = getenv("WEBCAM_RAW") ? 1 : 2;
        if (to->type != V4L2_BUF_TYPE_VIDEO_CAPTURE || to->index >= offered) return fail(EINVAL);
        to->pixelformat = formats[to->index];
        to->flags = to->index ? V4L2_FMT_FLAG_COMPRESSED : 0;
        return 0;
    }
    case VIDIOC_ENUM_FRAMESIZES: {
        struct v4l2_frmsizeenum *to = argument;
        uint32_t left = to->index;
        for (size_t at = 0; at < MODES; at++)
            if (modes[at].format == to->pixel_format && left-- == 0) {
                to->type = V4L2_FRMSIZE_TYPE_DISCRETE;
                to->discrete.width = modes[at].width;
                to->discrete.height = modes[at].height;
                return 0;
            }
        return fail(EINVAL);
    }
    case VIDIOC_ENUM_FRAMEINTERVALS: {
        struct v4l2_frmivalenum *to = argument;
        const struct mode *of = find(to->pixel_format, to->width, to->height);
        if (to->index > 0) return fail(EINVAL);
        to->type = V4L2_FRMIVAL_TYPE_DISCRETE;
        to->discrete = (struct v4l2_fract){1, of->rate};
        return 0;
    }
    case VIDIOC_G_FMT: {
        struct v4l2_format *to = argument;
        if (to->type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return fail(EINVAL);
        describe(&to->fmt.pix, mode);
        return 0;
    }
    case VIDIOC_TRY_FMT:
    case VIDIOC_S_FMT: {
        struct v4l2_format *to = argument;
        if (to->type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return fail(EINVAL);
        if (request == VIDIOC_S_FMT && getenv("WEBCAM_BUSY")) return fail(EBUSY);
        const struct mode *as =
            find(to->fmt.pix.pixelformat, to->fmt.pix.width, to->fmt.pix.height);
        describe(&to->fmt.pix, as);
        if (request == VIDIOC_S_FMT) mode = as;
        return 0;
    }
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
        struct v4l2_streamparm *to = argument;
        to->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        to->parm.capture.timeperframe = (struct v4l2_fract){1, mode->rate};
        return 0;
    }
    case VIDIOC_ENUMINPUT: {
        struct v4l2_input *to = argument;
        if (to->index > 0) return fail(EINVAL);
        strcpy((char *)to->name, "Webcam");
        to->type = V4L2_INPUT_TYPE_CAMERA;
        return 0;
    }
    case VIDIOC_G_INPUT: *(int *)argument = 0; return 0;
    case VIDIOC_S_INPUT: return 0;
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *to = argument;
        if (to->memory != V4L2_MEMORY_MMAP) return fail(EINVAL);
        if (to->count > BUFFERS) to->count = BUFFERS;
        for (uint32_t at = 0; at < to->count; at++)
            if (!memory[at]) memory[at] = malloc(ROOM);
        next_queued = last_queued = 0;
        return 0;
    }
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *to = argument;
        if (to->index >= BUFFERS) return fail(EINVAL);
        to->memory = V4L2_MEMORY_MMAP;
        to->m.offset = to->index * ROOM;
        to->length = mode->width * mode->height * 2;
        to->flags = 0;
        return 0;
    }
    case VIDIOC_QBUF: {
        struct v4l2_buffer *to = argument;
        queued[last_queued++ % BUFFERS] = to->index;
        to->flags = V4L2_BUF_FLAG_QUEUED;
        return 0;
    }
    case VIDIOC_DQBUF: {
        struct v4l2_buffer *to = argument;
        uint64_t passed;
        if (next_queued == last_queued) return fail(EAGAIN);
        if (read(fd, &passed, sizeof passed) < 0) return -1;
        to->index = queued[next_queued++ % BUFFERS];
        to->bytesused = draw(memory[to->index]);
        to->length = mode->width * mode->height * 2;
        to->field = V4L2_FIELD_NONE;
        to->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
        to->sequence = sequence++;
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        to->timestamp.tv_sec = now.tv_sec;
        to->timestamp.tv_usec = now.tv_nsec / 1000;
        return 0;
    }
    case VIDIOC_STREAMON: {
        long each = 1000000000 / mode->rate;
        struct itimerspec every = {{0, each}, {0, each}};
        return timerfd_settime(fd, 0, &every, NULL);
    }
    case VIDIOC_STREAMOFF: {
        struct itimerspec never = {{0, 0}, {0, 0}};
        next_queued = last_queued = 0;
        return timerfd_settime(fd, 0, &never, NULL);
    }
    default: return fail(ENOTTY);
    }
}

int ioctl(int fd, unsigned long request, ...) {
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (fd >= 0 && is_webcam(fd)) return answer(fd, request, argument);
    return syscall(SYS_ioctl, fd, request, argument);
}
