/* A Vulkan driver that passes calls on to the one that REAL_DRIVER names, and fails as BAD_DRIVER
 * says:
 *   start      it aborts when it is asked for its first function
 *   compile    it aborts when it is asked to compile a shader
 *   disappear  it aborts at its 20th submission and is not there afterwards: the file GONE says so
 *   small      it has as many bytes of memory as MEMORY says, and refuses what goes beyond
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void (*function)(void);
typedef function (*lookup)(void *, const char *);

static int fails(const char *how) {
    const char *chosen = getenv("BAD_DRIVER");
    return chosen && strcmp(chosen, how) == 0;
}

static void *real(const char *name) {
    static void *library;
    if (!library) library = dlopen(getenv("REAL_DRIVER"), RTLD_NOW | RTLD_LOCAL);
    return library ? dlsym(library, name) : NULL;
}

static int32_t compile(void *device, uint64_t cache, uint32_t count, void *infos, void *allocator, void *made) {
    abort();
}

static int32_t (*submit_really)(void *, uint32_t, const void *, uint64_t);

static int32_t submit(void *queue, uint32_t count, const void *submits, uint64_t fence) {
    static int submissions;
    if (++submissions == 20) {
        fclose(fopen(getenv("GONE"), "w"));
        abort();
    }
    return submit_really(queue, count, submits, fence);
}

/* The head of VkMemoryAllocateInfo. */
struct request {
    int32_t kind;
    const void *next;
    uint64_t size;
};

#define MOST_PIECES 4096
static struct {
    uint64_t memory, size;
} pieces[MOST_PIECES];
static uint64_t taken;

static int32_t (*allocate_really)(void *, const struct request *, const void *, uint64_t *);
static void (*release_really)(void *, uint64_t, const void *);

static int32_t allocate(void *device, const struct request *asked, const void *allocator, uint64_t *made) {
    const int32_t out_of_device_memory = -2;
    if (taken + asked->size > strtoull(getenv("MEMORY"), NULL, 10)) return out_of_device_memory;
    int32_t result = allocate_really(device, asked, allocator, made);
    for (int piece = 0; result == 0 && piece < MOST_PIECES; piece++) {
        if (pieces[piece].size) continue;
        pieces[piece].memory = *made;
        pieces[piece].size = asked->size;
        taken += asked->size;
        break;
    }
    return result;
}

static void release(void *device, uint64_t memory, const void *allocator) {
    for (int piece = 0; piece < MOST_PIECES; piece++) {
        if (!pieces[piece].size || pieces[piece].memory != memory) continue;
        taken -= pieces[piece].size;
        pieces[piece].size = 0;
        break;
    }
    release_really(device, memory, allocator);
}

static lookup device_function_really;

static function device_function(void *device, const char *name) {
    if (fails("compile") && !strcmp(name, "vkCreateComputePipelines")) return (function)compile;
    function found = device_function_really(device, name);
    if (fails("disappear") && !strcmp(name, "vkQueueSubmit") && found) {
        *(function *)&submit_really = found;
        return (function)submit;
    }
    if (fails("small") && !strcmp(name, "vkAllocateMemory") && found) {
        *(function *)&allocate_really = found;
        return (function)allocate;
    }
    if (fails("small") && !strcmp(name, "vkFreeMemory") && found) {
        *(function *)&release_really = found;
        return (function)release;
    }
    return found;
}

function vk_icdGetInstanceProcAddr(void *instance, const char *name) {
    if (fails("start")) abort();
    if (fails("disappear") && !access(getenv("GONE"), F_OK)) return NULL;
    lookup ask = (lookup)real("vk_icdGetInstanceProcAddr");
    function found = ask ? ask(instance, name) : NULL;
    if (found && !strcmp(name, "vkGetDeviceProcAddr")) {
        device_function_really = (lookup)found;
        return (function)device_function;
    }
    return found;
}

function vk_icdGetPhysicalDeviceProcAddr(void *instance, const char *name) {
    lookup ask = (lookup)real("vk_icdGetPhysicalDeviceProcAddr");
    return ask ? ask(instance, name) : NULL;
}

int32_t vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version) {
    int32_t (*negotiate)(uint32_t *) = real("vk_icdNegotiateLoaderICDInterfaceVersion");
    return negotiate ? negotiate(version) : 0;
}
