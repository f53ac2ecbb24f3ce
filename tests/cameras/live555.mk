# Builds live555.cpp with the sources of live555 that lie beside it.
folders = liveMedia groupsock UsageEnvironment BasicUsageEnvironment
sources = $(wildcard $(addsuffix /*.cpp,$(folders)) $(addsuffix /*.c,$(folders)))
# These two want other libraries.
objects = $(addsuffix .o,$(filter-out %/DeviceSource.cpp %/HTTPSink.cpp,$(sources)))
flags = -O1 -w -DSOCKLEN_T=socklen_t -DNO_OPENSSL=1 $(addprefix -I,$(addsuffix /include,$(folders)))

live555: live555.cpp.o $(objects)
	$(CXX) -o $@ $^
%.cpp.o: %.cpp
	$(CXX) -std=c++20 $(flags) -c -o $@ $<
%.c.o: %.c
	$(CC) $(flags) -c -o $@ $<
