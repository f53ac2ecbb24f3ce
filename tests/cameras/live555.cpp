// A camera of live555: serves H.264 and H.265 files (Annex B), again and again, to all viewers at once.
//
//   live555 PORT NAME=FILE...        rtsp://127.0.0.1:PORT/NAME
//
// A stream begins with its first viewer; whoever comes later joins it where it is.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "BasicUsageEnvironment.hh"
#include "liveMedia.hh"

namespace {

const char** again_and_again(const char* file) {
    constexpr size_t TIMES = 1000;
    const char** files = new const char*[TIMES + 1];
    for (size_t i = 0; i < TIMES; ++i) files[i] = file;
    files[TIMES] = nullptr;
    return files;
}

template <class Base, class Framer>
class Repeated : public Base {
public:
    Repeated(UsageEnvironment& env, const char* file) : Base(env, file, True) {}

private:
    FramedSource* createNewStreamSource(unsigned, unsigned& kbps) override {
        kbps = 4000;
        FramedSource* bytes =
            ByteStreamMultiFileSource::createNew(this->envir(), again_and_again(this->fFileName));
        return Framer::createNew(this->envir(), bytes);
    }
};

using H264 = Repeated<H264VideoFileServerMediaSubsession, H264VideoStreamFramer>;
using H265 = Repeated<H265VideoFileServerMediaSubsession, H265VideoStreamFramer>;

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: live555 PORT NAME=FILE...\n");
        return 2;
    }
    // A key picture of 1080p is larger than the 60,000 bytes that are the default.
    OutPacketBuffer::maxSize = 2000000;
    UsageEnvironment* env = BasicUsageEnvironment::createNew(*BasicTaskScheduler::createNew());
    RTSPServer* server = RTSPServer::createNew(*env, static_cast<portNumBits>(std::atoi(argv[1])));
    if (server == nullptr) {
        std::fprintf(stderr, "live555: %s\n", env->getResultMsg());
        return 1;
    }
    for (int i = 2; i < argc; ++i) {
        char* file = std::strchr(argv[i], '=');
        if (file == nullptr) return 2;
        *file++ = '\0';
        const size_t length = std::strlen(file);
        const bool h265 = length > 5 && std::strcmp(file + length - 5, ".h265") == 0;
        ServerMediaSession* session = ServerMediaSession::createNew(*env, argv[i], argv[i]);
        if (h265) {
            session->addSubsession(new H265(*env, file));
        } else {
            session->addSubsession(new H264(*env, file));
        }
        server->addServerMediaSession(session);
    }
    env->taskScheduler().doEventLoop();
}
